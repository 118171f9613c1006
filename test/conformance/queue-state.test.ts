// Runs the suite of the queue's state against every adapter.

import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { SqliteQueueState } from "../../src/adapters/sqlite/queue/state.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { queueStateConformance } from "./queue-state.suite.ts";

queueStateConformance("memory", async (clock) => {
  const queue = new MemoryQueue(clock);
  return { queue, states: [queue, queue], [Symbol.asyncDispose]: async () => undefined };
});

queueStateConformance("sqlite", async (clock) => {
  const folder = await temporaryFolder();
  const path = folder.at("jobs.sqlite");
  const queue = SqliteQueue.open({ path, sync: "normal", clock });
  const open = () => SqliteQueueState.open({ path, sync: "normal" });
  const states = [open(), open()] as const;
  return {
    ...{ queue, states },
    [Symbol.asyncDispose]: async () => {
      for (const one of [queue, ...states]) await one[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
