// Runs the outbox suite against every adapter.

import { MemoryOutbox } from "../../src/adapters/memory/outbox.ts";
import { MemoryQueue } from "../../src/adapters/memory/queue.ts";
import { MemoryRecords } from "../../src/adapters/memory/records.ts";
import { SqliteOutbox } from "../../src/adapters/sqlite/queue/outbox.ts";
import { SqliteQueue } from "../../src/adapters/sqlite/queue/queue.ts";
import { RecordsOutbox } from "../../src/adapters/sqlite/records/outbox.ts";
import { temporaryByteStores } from "../support/byte-stores.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { outboxConformance, recordsOutboxConformance } from "./outbox.suite.ts";

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

recordsOutboxConformance("memory", async () => {
  const outbox = new MemoryOutbox();
  return { records: new MemoryRecords(outbox), outbox, [Symbol.asyncDispose]: async () => undefined };
});

recordsOutboxConformance("sqlite", async () => {
  const stores = await temporaryByteStores();
  return {
    records: stores.records,
    outbox: new RecordsOutbox(stores.database),
    [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose](),
  };
});
