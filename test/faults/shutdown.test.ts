// A server that is stopped while a client is still sending: what came is kept, and the upload goes on after the next start.

import { expect, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { TUS_BODY, TusCaller } from "../support/tus.ts";
import { until } from "../support/until.ts";

const MIB = 1_048_576;

test("a stop in the middle of a PATCH keeps the bytes that came, and the upload goes on from there", async () => {
  await using folder = await temporaryFolder();
  // No workers: nothing else keeps the store open after the doors were closed.
  const options = { database: folder.at("cairn.sqlite"), flags: ["--log-level", "warn", "--workers", "0"] };
  const bytes = crypto.getRandomValues(new Uint8Array(9 * MIB));
  const sent = 6 * MIB;
  let cairn = await Cairn.start(options);
  try {
    const path = new URL(await new TusCaller(cairn.http).create(bytes.length)).pathname;
    using client = await sendPart(cairn, path, bytes, sent);
    // The last of it is on its way to be gathered for a write.
    await until("nearly all is written", async () => (await stagedBytes(folder.path)) >= sent - MIB);
    expect(await cairn.stop()).toMatchObject({ code: 0 });
    await until("the client is told", () => client.closed);

    cairn = await Cairn.start(options);
    const caller = new TusCaller(cairn.http);
    const url = cairn.http + path;
    const kept = await caller.offset(url);
    expect(kept).toBeGreaterThanOrEqual(sent - MIB);
    const done = await caller.patch(url, kept, bytes.subarray(kept));
    expect(done.status).toBe(204);
    const { pathname } = new URL(done.headers.get("content-location") ?? "", cairn.http);
    expect(sha256(await (await fetch(cairn.http + pathname)).bytes())).toBe(sha256(bytes));
  } finally {
    await cairn.stop();
  }
}, 30_000);

/** A PATCH that declares all of `bytes`, sends the first `count` of them, and then keeps the connection open. */
async function sendPart(
  cairn: Cairn,
  path: string,
  bytes: Uint8Array,
  count: number,
): Promise<Disposable & { readonly closed: boolean }> {
  const headers = Object.entries({ ...TUS_BODY, "upload-offset": "0", "content-length": bytes.length });
  const lines = [`PATCH ${path} HTTP/1.1`, "host: x", ...headers.map(([name, value]) => `${name}: ${value}`)];
  let left = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), bytes.subarray(0, count)]);
  let closed = false;
  const write = (to: { write(data: Buffer): number }) => {
    left = left.subarray(to.write(left));
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: Number(new URL(cairn.http).port),
    socket: {
      open: write,
      drain: write,
      data: () => undefined,
      close: () => {
        closed = true;
      },
    },
  });
  return {
    get closed() {
      return closed;
    },
    [Symbol.dispose]: () => socket.terminate(),
  };
}

async function stagedBytes(folder: string): Promise<number> {
  const staging = `${folder}/cairn.sqlite.files/staging`;
  const sizes = (await readdir(staging)).map(async (name) => (await stat(`${staging}/${name}`)).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
