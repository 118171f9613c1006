// Memory that is used again has exactly the size that was asked for, in whatever order sizes come and go.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { Room } from "../../../src/client/memcached/room.ts";

test("buffers of different sizes, given back in any order, are never mixed up or handed out twice", () => {
  const size = fc.constantFrom(1, 2, 3);
  fc.assert(
    fc.property(fc.array(fc.tuple(size, fc.nat(5))), (steps) => {
      const room = new Room();
      const held: Uint8Array[] = [];
      for (const [bytes, which] of steps) {
        const taken = room.take(bytes);
        expect(taken.length).toBe(bytes);
        expect(held.some(({ buffer }) => buffer === taken.buffer)).toBe(false);
        held.push(taken);
        const [left] = held.splice(which % held.length, which < 3 ? 1 : 0);
        // A value is a part of its block.
        if (left) room.giveBack(left.subarray(0, left.length - 1));
      }
    }),
  );
});

test("what has the size is used again", () => {
  const room = new Room();
  const first = room.take(10);
  room.giveBack(first.subarray(0, 8));
  expect(room.take(10).buffer).toBe(first.buffer);
});
