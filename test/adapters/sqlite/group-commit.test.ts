// Works of many callers in one transaction: which share it, and when it is not yet due.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { GroupCommit } from "../../../src/adapters/sqlite/group-commit.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function open(waits: boolean) {
  const db = new Database(":memory:");
  db.run("CREATE TABLE t (n INTEGER)");
  /** How many works each commit had. */
  const groups: number[] = [];
  const participant = {
    begin: () => undefined,
    prepare: () => undefined,
    committed: (works: number) => {
      groups.push(works);
    },
  };
  const commits = new GroupCommit(db, ":memory:", { participant, waits });
  const insert = (n: number) => commits.run(() => db.query("INSERT INTO t VALUES (?)").run(n));
  return { commits, groups, insert, [Symbol.dispose]: () => db.close() };
}

test("works that are asked for while commits are held share the next one", async () => {
  using store = open(false);
  store.commits.hold();
  const works = [1, 2, 3].map(store.insert);
  for (let i = 0; i < 3; i++) await turn();
  expect(store.groups).toEqual([]);
  store.commits.release();
  await Promise.all(works);
  expect(store.groups).toEqual([3]);
});

test.each([
  [true, [4]],
  [false, [2, 2]],
])("works that every turn brings share a commit, if it waits (%p): %p", async (waits, groups) => {
  using store = open(waits);
  const works = [store.insert(1), store.insert(2)];
  // Between two turns, as a request that comes in is.
  queueMicrotask(() => setImmediate(() => works.push(store.insert(3), store.insert(4))));
  await turn();
  await turn();
  await Promise.all(works);
  await turn();
  await Promise.all(works);
  expect(store.groups).toEqual(groups);
});

test("a group that waits ends, however much every turn brings", async () => {
  using store = open(true);
  const works: Promise<unknown>[] = [];
  for (let i = 0; store.groups.length === 0; i++) {
    works.push(store.insert(i));
    await turn();
    expect(i).toBeLessThan(20);
  }
  await Promise.all(works);
});
