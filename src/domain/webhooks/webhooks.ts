// Tells webhooks what ended, signed, and again until each has answered: every notice arrives at least once.

import { createHmac } from "node:crypto";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Notice, Outbox } from "../../ports/outbox.ts";
import type { Poster } from "../../ports/poster.ts";
import { toFault } from "../../wire/faults.ts";

export interface WebhooksOptions {
  readonly outbox: Outbox;
  /** The body of a notice that has none of its own; undefined: its subject was forgotten, and so it is. */
  readonly contentOf?: (notice: Notice) => Promise<string | undefined>;
  readonly poster: Poster;
  readonly clock: Clock;
  readonly log: Log;
  /** Signs the notices; `whsec_…` is base64 after the prefix. undefined: they go unsigned. */
  readonly secret?: string;
}

const SECOND = 1_000;
/** About four days in all; then the notice is given up. */
const RETRIES = [5, 30, 120, 600, 3_600, 3 * 3_600, 12 * 3_600, 24 * 3_600, 48 * 3_600];
const BATCH = 16;
const TIMEOUT_MS = 15_000;

export class Webhooks {
  readonly #options: WebhooksOptions;

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  /** Sends what is due, several at a time; returns how many were delivered. Call it every second or so. */
  async deliver(signal: AbortSignal): Promise<number> {
    const { outbox, clock } = this.#options;
    let delivered = 0;
    for (;;) {
      const notices = await outbox.due(clock.now(), BATCH);
      const outcomes = await Promise.all(notices.map((notice) => this.#send(notice, signal)));
      delivered += outcomes.filter(Boolean).length;
      if (notices.length < BATCH || signal.aborted) return delivered;
    }
  }

  async #send(notice: Notice, signal: AbortSignal): Promise<boolean> {
    const { outbox, contentOf, log } = this.#options;
    const fields = { notice: notice.id, subject: notice.subject, attempt: notice.attempts + 1 };
    try {
      const content = notice.content ?? (await contentOf?.(notice));
      // Forgotten meanwhile, by a retention that is shorter than the retries.
      if (content !== undefined) await this.#post(notice, content, signal);
      await outbox.remove(notice.id);
      if (content !== undefined) log.info("webhook.delivered", fields);
      return content !== undefined;
    } catch (error) {
      if (!signal.aborted) await this.#postpone(notice, toFault(error).message);
      return false;
    }
  }

  async #post(notice: Notice, body: string, signal: AbortSignal): Promise<void> {
    const { clock, poster, secret } = this.#options;
    const id = `msg_${notice.subject}_${notice.id}`;
    const timestamp = String(Math.floor(clock.now() / SECOND));
    const headers = {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      ...(secret !== undefined && { "webhook-signature": signatureOf(secret, `${id}.${timestamp}.${body}`) }),
    };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const status = await poster.post(notice.url, headers, body, limit);
    if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
  }

  async #postpone(notice: Notice, error: string): Promise<void> {
    const { outbox, clock, log } = this.#options;
    const { id, subject, url, attempts } = notice;
    const wait = RETRIES[attempts];
    if (wait === undefined) {
      log.error("webhook.given-up", { subject, url, attempts: attempts + 1, error });
      return outbox.remove(id);
    }
    log.warn("webhook.failed", { subject, url, attempts: attempts + 1, error, retrySeconds: wait });
    return outbox.postpone(id, clock.now() + wait * SECOND);
  }
}

/** As the Standard Webhooks specification has it: HMAC-SHA256 over id, time and body, in base64. */
export function signatureOf(secret: string, text: string): string {
  const key = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  return `v1,${createHmac("sha256", key).update(text).digest("base64")}`;
}
