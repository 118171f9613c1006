// A worker process whose jobs do nothing: `worker.ts QUEUE SYNC`. Woken over IPC, as those of `serve` are.

import { z } from "zod";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { systemClock } from "../../src/app/clock.ts";
import { Worker } from "../../src/domain/jobs/worker.ts";
import { quietLog } from "../../test/support/quiet-log.ts";

const [path = "", sync = "full"] = process.argv.slice(2);
const clock = systemClock;
await using queue = SqliteQueue.open({ path, sync: sync === "normal" ? "normal" : "full", clock });
const handler = { kind: { name: "empty", input: z.json() }, run: async () => null };
const worker = new Worker({ queue, clock, log: quietLog, name: `w${process.pid}`, handlers: [handler] });
const stop = new AbortController();
process.on("message", () => worker.poke());
process.once("disconnect", () => stop.abort());
process.send?.("ready");
await worker.run(stop.signal);
