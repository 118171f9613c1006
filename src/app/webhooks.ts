// Composes what tells webhooks: the outboxes of jobs and uploads, and the guard of the server's own network.

import { join } from "node:path";
import { isPrivateHost } from "../adapters/http/addresses.ts";
import { HttpPoster } from "../adapters/http/poster.ts";
import { SqliteOutbox } from "../adapters/sqlite/queue/outbox.ts";
import { jobNoticeBody } from "../domain/jobs/job-notice.ts";
import { Webhooks } from "../domain/webhooks/webhooks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Notice } from "../ports/outbox.ts";
import type { Settings } from "./settings.ts";
import type { Store } from "./store.ts";

export interface OpenWebhooks extends AsyncDisposable {
  /** Apart, so that receivers of the one that hang do not delay the other. */
  readonly webhooks: readonly Webhooks[];
}

export function openWebhooks(
  settings: Settings,
  { queue, outbox: uploads }: Pick<Store, "queue" | "outbox">,
  clock: Clock,
  log: Log,
): OpenWebhooks {
  const { data, sync, webhookSecret } = settings;
  const jobs = SqliteOutbox.open({ path: join(data, "jobs.sqlite"), sync });
  const poster = new HttpPoster({ allows: webhookHosts(settings) });
  const secret = webhookSecret === undefined ? {} : { secret: webhookSecret };
  const shared = { poster, clock, log, ...secret };
  const contentOf = (notice: Notice) => jobNoticeBody(queue, notice);
  return {
    webhooks: [
      new Webhooks({ ...shared, outbox: jobs, contentOf }),
      new Webhooks({ ...shared, outbox: uploads }),
    ],
    [Symbol.asyncDispose]: () => jobs[Symbol.asyncDispose](),
  };
}

/** Whether a webhook may lead to a host, or to an address that a host's name resolved to. */
export function webhookHosts({ webhookPrivate }: Settings): (host: string) => boolean {
  return (host) => webhookPrivate || !isPrivateHost(host);
}
