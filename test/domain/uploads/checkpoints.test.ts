// What a long append has made durable is listed while it goes on; when that fails, the append ends and tells why.

import { beforeEach, expect, test } from "bun:test";
import { MemoryRecords } from "../../../src/adapters/memory/records.ts";
import type { Uploads } from "../../../src/domain/uploads/uploads.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { codeOf, sha256 } from "../../support/bytes.ts";
import { openMemoryRooms } from "../../support/memory-rooms.ts";
import { until } from "../../support/until.ts";

const MB = 1_048_576;
const SIZE = 28 * MB;
/** Large, since staging in memory copies all of it for each. */
const PIECE = 4 * MB;
const piece = new Uint8Array(PIECE).fill(7);

/** Refuses every change once it is full. */
class FullRecords extends MemoryRecords {
  isFull = false;
  override async replace(...args: Parameters<MemoryRecords["replace"]>): Promise<never> {
    if (this.isFull) throw new Fault("no-space", "the ledger is full");
    return (await super.replace(...args)) as never;
  }
}

let rooms: ReturnType<typeof openMemoryRooms>;
let records: FullRecords;
let uploads: Uploads;
let sent = 0;
beforeEach(async () => {
  records = new FullRecords();
  rooms = openMemoryRooms(records);
  uploads = rooms.open();
  sent = 0;
  await uploads.begin({ id: "a", protocol: "tus", name: "a", mediaType: "text/plain", size: SIZE });
});

const offset = async () => (await records.get("uploads", "a"))?.coverage.at(-1)?.[1] ?? 0;
const someListed = () => until("some of it is listed", async () => (await offset()) || undefined);
/** `hold` is awaited before the piece that begins at `at`. */
async function* bytes(at = SIZE, hold: () => Promise<unknown> = async () => undefined) {
  for (; sent < SIZE; sent += PIECE) {
    if (sent === at) await hold();
    yield piece;
  }
}

test("the ledger follows an append that is still going on", async () => {
  let listed = 0;
  const hold = async () => {
    listed = await someListed();
  };
  await uploads.append("a", { offset: 0, source: bytes(20 * MB, hold) });
  expect(listed).toBeGreaterThanOrEqual(16 * MB);
  expect(listed).toBeLessThanOrEqual(20 * MB);
  expect((await uploads.get("a"))?.state).toBe("finished");
});

test("a crash takes only what was not listed", async () => {
  const hold = async () => {
    await someListed();
    // The process dies here: nobody works on with what it had in memory.
    await new Promise(() => undefined);
  };
  void uploads.append("a", { offset: 0, source: bytes(20 * MB, hold) });
  const known = await someListed();
  const after = rooms.open();
  await after.recover();
  expect((await after.settle("a")).upload.coverage).toEqual([[0, known]]);
  sent = known;
  const { file } = await after.append("a", { offset: known, source: bytes() });
  expect(file?.sha256).toBe(sha256(Buffer.alloc(SIZE, 7)));
});

test("a ledger that cannot be written ends the append soon, and what it lists is still true", async () => {
  records.isFull = true;
  expect(await codeOf(uploads.append("a", { offset: 0, source: bytes() }))).toBe("no-space");
  expect(sent).toBeLessThan(SIZE);
  expect(await offset()).toBe(0);
  records.isFull = false;
  sent = 0;
  const { file } = await uploads.append("a", { offset: 0, source: bytes() });
  expect(file?.size).toBe(SIZE);
});

test("an upload that is removed meanwhile ends the append with gone", async () => {
  const hold = () => uploads.discard("a");
  expect(await codeOf(uploads.append("a", { offset: 0, source: bytes(20 * MB, hold) }))).toBeOneOf([
    "gone",
    "not-found",
  ]);
  expect(sent).toBeLessThan(SIZE);
});
