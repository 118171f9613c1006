// Runs the queue suite against every adapter.

import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { queueConformance } from "./queue.suite.ts";

queueConformance("memory", async (clock) => {
  const queue = new MemoryQueue(clock);
  return { queues: [queue, queue], [Symbol.asyncDispose]: async () => undefined };
});

queueConformance("sqlite", async (clock) => {
  const folder = await temporaryFolder();
  const open = () => SqliteQueue.open({ path: folder.at("jobs.sqlite"), sync: "normal", clock });
  const queues = [open(), open()] as const;
  return {
    queues,
    [Symbol.asyncDispose]: async () => {
      for (const queue of queues) await queue[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
