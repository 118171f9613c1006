// Notices of ended jobs: signed, repeated until they are answered, and never twice once they are.

import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { MemoryOutbox } from "../../../src/adapters/memory/outbox.ts";
import { MemoryQueue } from "../../../src/adapters/memory/queue.ts";
import { jobNoticeBody } from "../../../src/domain/jobs/job-notice.ts";
import { requireWebhook } from "../../../src/domain/jobs/webhook-url.ts";
import { signatureOf, Webhooks } from "../../../src/domain/webhooks/webhooks.ts";
import type { Notice } from "../../../src/ports/outbox.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { quietLog } from "../../support/quiet-log.ts";

const HOOK = "https://example.org/hook";
const signal = new AbortController().signal;

/** A job that has ended with a webhook, and a receiver that answers with these statuses in turn, then 200. */
async function open(answers: readonly (number | Error)[] = [], secret?: string) {
  const clock = new ManualClock();
  const outbox = new MemoryOutbox();
  const queue = new MemoryQueue(clock, outbox);
  const sent: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }[] = [];
  const left = [...answers];
  const poster = {
    post: async (url: string, headers: Readonly<Record<string, string>>, body: string) => {
      sent.push({ url, headers, body });
      const answer = left.shift() ?? 200;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  const contentOf = (notice: Notice) => jobNoticeBody(queue, notice);
  const signed = secret === undefined ? {} : { secret };
  const webhooks = new Webhooks({ outbox, contentOf, poster, clock, log: quietLog, ...signed });
  await queue.add({ id: "j", kind: "k", input: { secret: "input" }, webhook: HOOK });
  const lease = await queue.claim("w", ["k"], 1_000);
  if (lease) await queue.complete(lease, { file: "f" });
  return { clock, outbox, queue, webhooks, sent };
}

test("a notice names the job, its end and its result, and is sent once", async () => {
  const { webhooks, sent } = await open();
  expect(await webhooks.deliver(signal)).toBe(1);
  expect(await webhooks.deliver(signal)).toBe(0);
  expect(sent.length).toBe(1);
  expect(sent[0]?.url).toBe(HOOK);
  expect(JSON.parse(sent[0]?.body ?? "")).toMatchObject({
    type: "job.succeeded",
    data: { id: "j", kind: "k", state: "succeeded", result: { file: "f" } },
  });
  expect(sent[0]?.headers["webhook-signature"]).toBeUndefined();
});

test("it is signed over id, time and body, as Standard Webhooks has it", async () => {
  const { webhooks, sent } = await open([], "a secret");
  await webhooks.deliver(signal);
  const [{ headers, body }] = sent as [(typeof sent)[number]];
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  const expected = createHmac("sha256", "a secret").update(signed).digest("base64");
  expect(headers["webhook-signature"]).toBe(`v1,${expected}`);
});

test("the specification's own example has the specification's signature", () => {
  const text = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}';
  expect(signatureOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", text)).toBe(
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  );
});

test("errors and bad answers are repeated with growing delays, under the same id", async () => {
  const { webhooks, sent, clock } = await open([500, new Error("refused"), 302]);
  await webhooks.deliver(signal);
  for (const [sentBefore, delay] of [5_000, 30_000, 120_000].entries()) {
    await clock.advance(delay - 1);
    await webhooks.deliver(signal);
    expect(sent.length).toBe(sentBefore + 1);
    await clock.advance(1);
    await webhooks.deliver(signal);
  }
  expect(sent.length).toBe(4);
  expect(new Set(sent.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
});

test("it is given up after some days", async () => {
  const { webhooks, outbox, clock, sent } = await open(Array(20).fill(503));
  for (let day = 0; day < 6 * 24; day++) {
    await webhooks.deliver(signal);
    await clock.advance(3_600_000);
  }
  expect(sent.length).toBe(10);
  expect(await outbox.due(Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
});

test("the notice of a job that was forgotten meanwhile is dropped", async () => {
  const { webhooks, queue, sent, outbox, clock } = await open();
  await queue.prune(clock.now(), 0, 10);
  expect(await webhooks.deliver(signal)).toBe(0);
  expect(sent).toEqual([]);
  expect(await outbox.due(clock.now(), 10)).toEqual([]);
});

test.each([
  "ftp://example.org",
  "example.org",
  "",
  "javascript:alert(1)",
  `https://example.org/${"x".repeat(2_000)}`,
])("%p is no webhook", (url) => {
  expect(() => requireWebhook(url, () => true)).toThrow("is not an http or https URL");
});

test("a host that is not allowed is refused, brackets or not", () => {
  expect(() => requireWebhook("http://[::1]/x", (host) => host !== "::1")).toThrow("leads to this machine");
  expect(() => requireWebhook("https://example.org/x", () => true)).not.toThrow();
});
