// A worker process whose jobs write their ids down: `noting-worker.ts QUEUE NOTES`.

import { appendFileSync } from "node:fs";
import { z } from "zod";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { systemClock } from "../../src/app/clock.ts";
import { Worker } from "../../src/domain/jobs/worker.ts";
import { quietLog } from "../support/quiet-log.ts";

const [path = "", notes = ""] = process.argv.slice(2);
const clock = systemClock;
await using queue = SqliteQueue.open({ path, sync: "normal", clock });
const worker = new Worker({
  ...{ queue, clock, log: quietLog, name: `w${process.pid}`, pollMs: 20 },
  handlers: [
    {
      kind: { name: "note", input: z.json() },
      run: async (_, { job }) => {
        appendFileSync(notes, `${job.id} ${process.pid}\n`);
        return null;
      },
    },
  ],
});
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
console.log("ready");
await worker.run(stop.signal);
