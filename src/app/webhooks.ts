// Composes what tells webhooks: the outbox beside the queue, and the guard of the server's own network.

import { join } from "node:path";
import { isPrivateHost } from "../adapters/http/addresses.ts";
import { HttpPoster } from "../adapters/http/poster.ts";
import { SqliteOutbox } from "../adapters/sqlite/outbox.ts";
import { jobNoticeBody } from "../domain/jobs/job-notice.ts";
import { Webhooks } from "../domain/webhooks/webhooks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Notice } from "../ports/outbox.ts";
import type { Queue } from "../ports/queue.ts";
import type { Settings } from "./settings.ts";

export interface OpenWebhooks extends AsyncDisposable {
  readonly webhooks: Webhooks;
}

export function openWebhooks(settings: Settings, queue: Queue, clock: Clock, log: Log): OpenWebhooks {
  const { data, sync, webhookSecret } = settings;
  const outbox = SqliteOutbox.open({ path: join(data, "jobs.sqlite"), sync });
  const poster = new HttpPoster({ allows: webhookHosts(settings) });
  const secret = webhookSecret === undefined ? {} : { secret: webhookSecret };
  const contentOf = (notice: Notice) => jobNoticeBody(queue, notice);
  return {
    webhooks: new Webhooks({ outbox, contentOf, poster, clock, log, ...secret }),
    [Symbol.asyncDispose]: () => outbox[Symbol.asyncDispose](),
  };
}

/** Whether a webhook may lead to a host, or to an address that a host's name resolved to. */
export function webhookHosts({ webhookPrivate }: Settings): (host: string) => boolean {
  return (host) => webhookPrivate || !isPrivateHost(host);
}
