// The webhook of uploads on the real program: a receiver that fails first, and kill -9 before it is told again.

import { expect, test } from "bun:test";
import { signatureOf } from "../../src/domain/webhooks/webhooks.ts";
import { sha256 } from "../support/bytes.ts";
import { Cairn } from "../support/cairn.ts";
import { failureOf } from "../support/failure.ts";
import { scriptedHttp } from "../support/scripted-http.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

test("what a receiver refused is sent again by the next process, signed, under the same id", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  const told: { readonly headers: Headers; readonly body: string }[] = [];
  await using receiver = scriptedHttp(async (request, n) => {
    told.push({ headers: request.headers, body: await request.text() });
    return new Response(null, { status: n === 0 ? 500 : 204 });
  });
  const flags = ["--upload-webhook", `${receiver.origin}/hook`, "--webhook-private", "--webhook-secret", "s"];
  const first = await Cairn.start({ database, flags });
  const stored = await fetch(`${first.http}/files/a.txt`, { method: "PUT", body: "hello" });
  const { id } = (await stored.json()) as { id: string };
  await until("the first attempt", () => told.length === 1);
  await until("its failure is noted", () => first.program.output.includes("webhook.failed"));
  await first.kill();

  await using second = await Cairn.start({ database, flags });
  await until("the second attempt", () => told.length === 2);
  await until("its delivery is noted", () => second.program.output.includes("webhook.delivered"));
  const [refused, taken] = told;
  expect(taken?.body).toBe(refused?.body ?? "");
  expect(JSON.parse(taken?.body ?? "")).toMatchObject({
    type: "upload.finished",
    data: { protocol: "put", name: "a.txt", size: 5, sha256: sha256(Buffer.from("hello")), fileId: id },
  });
  const header = (name: string) => taken?.headers.get(name) ?? "";
  expect(header("webhook-id")).toBe(refused?.headers.get("webhook-id") ?? "");
  expect(header("webhook-signature")).toBe(
    signatureOf("s", `${header("webhook-id")}.${header("webhook-timestamp")}.${taken?.body}`),
  );
}, 60_000);

test("a webhook in the server's own network is refused at the start, without --webhook-private", async () => {
  await using folder = await temporaryFolder();
  const flags = ["--upload-webhook", "http://127.0.0.1:9/hook"];
  const failure = await failureOf(Cairn.start({ database: folder.at("cairn.sqlite"), flags }));
  expect(failure.message).toContain("--webhook-private");
});
