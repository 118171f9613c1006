// Runs the outbox suite against every adapter.

import { MemoryOutbox } from "../../src/adapters/memory/outbox.ts";
import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { SqliteOutbox } from "../../src/adapters/sqlite/outbox.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { outboxConformance } from "./outbox.suite.ts";

outboxConformance("memory", async (clock) => {
  const outbox = new MemoryOutbox();
  return {
    queue: new MemoryQueue(clock, outbox),
    outbox,
    [Symbol.asyncDispose]: async () => undefined,
  };
});

outboxConformance("sqlite", async (clock) => {
  const folder = await temporaryFolder();
  const file = { path: folder.at("jobs.sqlite"), sync: "normal" } as const;
  const queue = SqliteQueue.open({ ...file, clock });
  const outbox = SqliteOutbox.open(file);
  return {
    queue,
    outbox,
    [Symbol.asyncDispose]: async () => {
      await outbox[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
