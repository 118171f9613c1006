// A queue that an older Cairn wrote is brought to the newest format with all that it knows.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { SqliteQueue } from "../../../../src/adapters/sqlite/queue/queue.ts";
import { QUEUE_APPLICATION_ID, QUEUE_MIGRATIONS } from "../../../../src/adapters/sqlite/queue/schema.ts";
import { SqliteQueueState } from "../../../../src/adapters/sqlite/queue/state.ts";
import { ManualClock } from "../../../support/manual-clock.ts";
import { temporaryFolder } from "../../../support/temporary.ts";

const NONE = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };

test.each([1, 2, 3])("format %d", async (format) => {
  await using folder = await temporaryFolder();
  const path = folder.at("jobs.sqlite");
  const old = new Database(path, { create: true });
  for (const script of QUEUE_MIGRATIONS.slice(0, format)) old.run(script);
  old.run(`PRAGMA application_id = ${QUEUE_APPLICATION_ID}`);
  old.run(`PRAGMA user_version = ${format}`);
  for (const [i, kind] of ["merge", "merge", "aggregate"].entries()) {
    old.run(
      `INSERT INTO jobs (id, kind, state, priority, run_at, max_attempts, created_at, input)
       VALUES ('${i}', '${kind}', 'queued', 0, 0, 3, 0, 'null')`,
    );
  }
  old.close();
  const clock = new ManualClock();
  await using queue = SqliteQueue.open({ path, sync: "normal", clock });
  await using state = SqliteQueueState.open({ path, sync: "normal" });
  await queue.cancel("0");
  expect((await queue.claim("w", ["merge"], 1_000))?.job.id).toBe("1");
  expect(await state.kinds()).toEqual([
    { kind: "aggregate", isPaused: false, jobs: { ...NONE, queued: 1 } },
    { kind: "merge", isPaused: false, jobs: { ...NONE, running: 1, cancelled: 1 } },
  ]);
  expect(await queue.counts()).toEqual({ ...NONE, queued: 1, running: 1, cancelled: 1 });
});
