// The domain's services and the worker processes, joined: who submits a job and who is told of it.

import { statfs } from "node:fs/promises";
import type { Files } from "../domain/files/files.ts";
import { Jobs } from "../domain/jobs/jobs.ts";
import { aggregateKind, mergeKind } from "../domain/jobs/kinds.ts";
import { requireWebhook } from "../domain/jobs/webhook-url.ts";
import type { Limits } from "../domain/uploads/admission.ts";
import { Uploads } from "../domain/uploads/uploads.ts";
import { type AggregationJobs, dropzoneFinisher } from "../doors/http/dropzone/routes.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { aggregationJobs } from "./aggregation-jobs.ts";
import { Crew } from "./crew.ts";
import { environmentOf, type Settings } from "./settings.ts";
import type { Store } from "./store.ts";
import { webhookHosts } from "./webhooks.ts";
import { isOfBefore, Workers, workerCommand } from "./workers.ts";

export interface Services extends AsyncDisposable {
  readonly files: Files;
  readonly uploads: Uploads;
  readonly jobs: Jobs;
  readonly aggregations: AggregationJobs;
  readonly workers: Workers;
  /** Those that are alive, whoever started them. */
  readonly crew: Crew;
}

/** Repairs what a crash left before it returns; the workers are running then. Disposing it ends them. */
export async function openServices(
  settings: Settings,
  { records, staging, files, queue, queueState: state, roster }: Store,
  clock: Clock,
  log: Log,
): Promise<Services> {
  const kinds = [mergeKind, aggregateKind];
  // A job that is added while the uploads are repaired is found by the workers when they start.
  let poke: () => void = () => undefined;
  const allowsWebhook = webhookHosts(settings);
  const jobs = new Jobs({ queue, state, clock, kinds, files, allowsWebhook, onReady: () => poke() });
  const aggregations = aggregationJobs(jobs);
  const finishers = { dropzone: dropzoneFinisher(aggregations) };
  const lifetime = settings.uploadExpiry;
  const limits = limitsOf(settings);
  const webhook = settings.uploadWebhook;
  if (webhook !== undefined) requireWebhook(webhook, allowsWebhook);
  const uploads = new Uploads({ staging, records, files, clock, log, lifetime, finishers, limits, webhook });
  await uploads.recover();
  await jobs.recoverFrom(isOfBefore);

  const workers = new Workers({
    count: settings.workers,
    command: workerCommand(["worker", settings.database]),
    env: environmentOf(settings),
    clock,
    log,
    onDeath: (dead) => jobs.recover(dead),
  });
  poke = () => workers.poke();
  return {
    files,
    uploads,
    jobs,
    aggregations,
    workers,
    crew: new Crew({ workers, roster, queue, clock }),
    [Symbol.asyncDispose]: () => workers[Symbol.asyncDispose](),
  };
}

function limitsOf({ data, maxUpload, quota, maxUploads }: Settings): Limits {
  const freeSpace = async () => {
    const { bavail, bsize } = await statfs(data);
    return bavail * bsize;
  };
  return { maxSize: maxUpload, quota, maxUploads, freeSpace };
}
