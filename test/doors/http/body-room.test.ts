// Large bodies take turns for memory: who waits, who need not, and what becomes of those that wait in vain.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { BodyRoom } from "../../../src/doors/http/body-room.ts";
import { sha256 } from "../../support/bytes.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { jsonPost, requestBytes, sendUpload } from "../../support/raw-upload.ts";
import { openStorageService } from "../../support/storage-service.ts";
import { temporaryFolder } from "../../support/temporary.ts";

const LIMIT = 1_000_000;
const clock = new ManualClock();
const requestOf = (bytes: number | undefined, signal?: AbortSignal) =>
  new Request("http://x/", {
    ...{ method: "POST", headers: bytes === undefined ? {} : { "content-length": String(bytes) } },
    ...(signal && { signal }),
  });

/** One that is let in, and when it ends. */
function enter(room: BodyRoom, bytes: number | undefined, signal?: AbortSignal) {
  const end = Promise.withResolvers<void>();
  const state = { isIn: false, end: end.resolve, over: Promise.resolve("") };
  const held = room.hold(requestOf(bytes, signal), LIMIT, () => {
    state.isIn = true;
    return end.promise;
  });
  state.over = held.then(
    () => "done",
    ({ code }) => code,
  );
  return state;
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("what does not fit waits for its turn, in the order it came; small bodies do not wait", async () => {
  const room = new BodyRoom({ size: LIMIT, clock });
  const [first, second, third] = [enter(room, 600_000), enter(room, 700_000), enter(room, 100_000)];
  const small = enter(room, 65_536);
  await settle();
  expect([first, second, third, small].map(({ isIn }) => isIn)).toEqual([true, false, false, true]);
  first.end();
  await settle();
  expect([second.isIn, third.isIn]).toEqual([true, true]);
  const whole = enter(room, undefined);
  second.end();
  await settle();
  expect(whole.isIn).toBe(false);
  third.end();
  await settle();
  expect(whole.isIn).toBe(true);
});

test("room is given back when the work fails, and one that is refused anyway takes none", async () => {
  const room = new BodyRoom({ size: LIMIT, clock });
  const fails = () => Promise.reject(new RangeError("nothing works"));
  expect(await room.hold(requestOf(LIMIT), LIMIT, fails).catch((error) => error.name)).toBe("RangeError");
  const tooLarge = enter(room, LIMIT + 1);
  // A length that was sent twice is one (RFC 9110 §8.6).
  const twice = new Request("http://x/", { method: "POST", headers: { "content-length": "900000, 900000" } });
  expect(await room.hold(twice, LIMIT, () => Promise.resolve("done"))).toBe("done");
  const fits = enter(room, LIMIT);
  await settle();
  expect([tooLarge.isIn, fits.isIn]).toEqual([true, true]);
});

test("a minute in vain is a fault, a client that goes another; neither stands in the way of those behind", async () => {
  const room = new BodyRoom({ size: LIMIT, clock });
  const client = new AbortController();
  const first = enter(room, 900_000);
  const [gone, patient] = [enter(room, 500_000, client.signal), enter(room, 500_000)];
  const fits = enter(room, 100_000);
  await settle();
  expect(fits.isIn).toBe(false);
  client.abort();
  expect(await gone.over).toBe("cancelled");
  await clock.advance(60_000);
  expect(await patient.over).toBe("busy");
  const late = enter(room, 100_000);
  await settle();
  expect([gone.isIn, patient.isIn, late.isIn]).toEqual([false, false, false]);
  first.end();
  await settle();
  expect(late.isIn).toBe(true);
});

const SIZE = 300_000;
const image = "i".repeat(SIZE);
const chunkOf = (id: string) =>
  jsonPost(`/image/${sha256(image + id)}/chunks`, { id: 0, size: SIZE + 1, data: image + id });

test("through the door: chunks wait with their clients, and are answered in the protocol's words when it takes too long", async () => {
  await using folder = await temporaryFolder();
  await using service = await openStorageService(folder.path, { bodyRoom: 2 * SIZE });
  for (const id of "abcd") {
    const registration = { sha256: sha256(image + id), size: SIZE + 1, chunk_size: SIZE + 1 };
    expect((await sendUpload(service.origin, jsonPost("/image", registration))).status).toBe(201);
  }
  const hold = () => {
    const end = Promise.withResolvers<void>();
    const over = service.room.hold(requestOf(2 * SIZE), LIMIT, () => end.promise);
    return { over, end: end.resolve };
  };
  const first = hold();
  const waiting = sendUpload(service.origin, chunkOf("b"));
  const gone = connect(service.port, "127.0.0.1");
  gone.write(requestBytes(chunkOf("c")));
  await service.clock.untilSleeping(2);
  gone.destroy();
  first.end();
  await first.over;
  expect((await waiting).status).toBe(201);
  // What the client took that has gone was given back, too.
  const second = hold();
  const late = sendUpload(service.origin, chunkOf("d"));
  await service.clock.untilSleeping(1);
  await service.clock.advance(60_000);
  const refused = await late;
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await refused.json()).toEqual({ code: "503", message: expect.stringContaining("600000 bytes") });
  second.end();
  await second.over;
  expect((await sendUpload(service.origin, chunkOf("d"))).status).toBe(201);
});
