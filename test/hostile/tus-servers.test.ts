// Uploads to tus servers that lie, forget or damage: a clear fault, or the right file; never a success that is none.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { folderStore, upload } from "../../src/client/http/index.ts";
import { joinUploads } from "../../src/client/http/tus.ts";
import { codeOf, sha256 } from "../support/bytes.ts";
import { failureOf } from "../support/failure.ts";
import { scriptedHttp } from "../support/scripted-http.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

const bytes = randomBytes(2_500_000);
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(folder.at("file"), bytes);
});
afterAll(() => folder[Symbol.asyncDispose]());

interface Lies {
  /** Instead of the 204 of the n-th PATCH; the bytes are dropped. */
  readonly patch?: (n: number) => Response | undefined;
  /** Of the final answer. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly create?: Response;
}

/** The least of a tus server, in memory, with lies in the places a test wants them. */
function lyingServer({ patch = () => undefined, headers = {}, create }: Lies) {
  let held = Buffer.alloc(0);
  let patches = 0;
  const standing = () => ({ "upload-offset": String(held.length), "upload-length": String(bytes.length) });
  const server = scriptedHttp(async (request) => {
    switch (request.method) {
      case "OPTIONS":
        return new Response(null, { status: 204, headers: { "tus-checksum-algorithm": "md5,sha1" } });
      case "POST":
        return create ?? new Response(null, { status: 201, headers: { location: "/up/1" } });
      case "HEAD":
        return new Response(null, { headers: standing() });
      case "PATCH": {
        const body = Buffer.from(await request.bytes());
        expect(request.headers.get("upload-checksum")).toStartWith("sha1 ");
        const lie = patch(patches++);
        if (lie) return lie;
        if (request.headers.get("upload-offset") !== String(held.length)) {
          return new Response(null, { status: 409 });
        }
        held = Buffer.concat([held, body]);
        return new Response(null, { status: 204, headers: { ...standing(), ...headers } });
      }
      default:
        return new Response(null, { status: 204 });
    }
  });
  return Object.assign(server, { digest: () => sha256(held) });
}

const send = (origin: string, patience = 5_000) =>
  upload(folder.at("file"), { url: `${origin}/up`, store: folderStore(folder.at("state")), patience });

test("a chunk that was damaged on its way is sent again", async () => {
  await using server = lyingServer({
    patch: (n) => (n === 1 ? new Response("damaged", { status: 460 }) : undefined),
  });
  expect(await send(server.origin)).toMatchObject({ size: bytes.length, id: "1", verified: false });
  expect(server.digest()).toBe(sha256(bytes));
});

test("an offset that is another than was thought is asked for", async () => {
  await using server = lyingServer({
    patch: (n) => (n === 1 ? new Response(null, { status: 409 }) : undefined),
  });
  await send(server.origin);
  expect(server.digest()).toBe(sha256(bytes));
});

test("a server whose file has another digest: the upload fails, and is removed there", async () => {
  const wrong = Buffer.alloc(32, 7);
  await using server = lyingServer({ headers: { "repr-digest": `sha-256=:${wrong.toString("base64")}:` } });
  const failed = send(server.origin);
  expect((await failureOf(failed)).message).toContain(
    `${sha256(bytes)} here, and ${wrong.toString("hex")} on the server`,
  );
  expect(await codeOf(failed)).toBe("mismatch");
  expect(server.asked.at(-1)).toBe("DELETE /up/1");
});

test("a place of the file that is not percent-encoded is an id as it stands", async () => {
  await using server = lyingServer({ headers: { "content-location": "/files/50%" } });
  expect(await send(server.origin)).toMatchObject({ id: "50%", size: bytes.length });
});

test("a server that refuses for good is not asked for ever", async () => {
  await using server = lyingServer({ patch: () => new Response("full", { status: 507 }) });
  expect(await codeOf(send(server.origin))).toBe("no-space");
  await using stuck = lyingServer({ patch: () => new Response(null, { status: 409 }) });
  expect(await codeOf(send(stuck.origin, 500))).toBe("conflict");
  await using down = lyingServer({ patch: () => new Response(null, { status: 503 }) });
  expect(await codeOf(send(down.origin, 500))).toBe("busy");
});

test("answers that are no tus", async () => {
  await using nowhere = lyingServer({ create: new Response(null, { status: 201 }) });
  expect(await codeOf(send(nowhere.origin))).toBe("internal");
  await using odd = lyingServer({ headers: { "upload-offset": "-5" } });
  expect(await codeOf(send(odd.origin))).toBe("internal");
  await using web = scriptedHttp(() => new Response("<html>no</html>", { status: 404 }));
  expect(await codeOf(send(web.origin))).toBe("not-found");
});

test("a note that was damaged is no note", async () => {
  for (const text of ["", "null", "[]", '{"size":2500000,"parts":[]}', '{"size":2500000,"parts":[7]}']) {
    await using server = lyingServer({});
    const options = { url: `${server.origin}/up`, store: folderStore(folder.at("damaged")) };
    const first = upload(folder.at("file"), {
      ...options,
      onProgress: ({ done }) => {
        if (done > 0) throw new Error("stop");
      },
    });
    await first.catch(() => undefined);
    for (const name of await readdir(folder.at("damaged"))) {
      await writeFile(folder.at("damaged", name), text);
    }
    await using fresh = lyingServer({});
    await upload(folder.at("file"), { ...options, url: `${fresh.origin}/up` });
    expect(fresh.digest()).toBe(sha256(bytes));
  }
});

test("a server may take as long to join parts as it takes to copy them", async () => {
  let posts = 0;
  await using server = scriptedHttp(async () => {
    posts++;
    const asked = performance.now();
    await until("it has been silent for long", () => performance.now() - asked > 300);
    return new Response(null, { status: 201, headers: { location: "/up/2" } });
  });
  const what = { urls: ["/up/1"], length: 20_000_000_000, metadata: [] };
  const settings = { headers: {}, idleTimeout: 50, signal: undefined };
  expect((await joinUploads(`${server.origin}/up`, what, settings)).url).toBe(`${server.origin}/up/2`);
  expect(posts).toBe(1);
});
