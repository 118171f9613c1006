// Reed–Solomon: every loss pattern up to K is recovered, for every small group, and random ones of any shape.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GROUP_MAX, PARITY_MAX, ParityEncoder, rebuildPieces } from "../../src/compute/reed-solomon.ts";

function encode(data: readonly Uint8Array[], parity: number, size: number): readonly Uint8Array[] {
  const encoder = new ParityEncoder(parity, size);
  for (const piece of data) encoder.add(piece);
  return encoder.finish();
}

/** Loses the pieces of those places (data first, then parity) and compares what comes back. */
function recovers(
  data: readonly Uint8Array[],
  parity: readonly Uint8Array[],
  lost: ReadonlySet<number>,
): void {
  const size = parity[0]?.length ?? 0;
  const left = data.map((piece, i) => (lost.has(i) ? undefined : piece));
  const leftParity = parity.map((piece, i) => (lost.has(data.length + i) ? undefined : piece));
  const rebuilt = rebuildPieces(left, leftParity, size);
  expect([...rebuilt.keys()]).toEqual([...data.keys()].filter((i) => lost.has(i)));
  for (const [place, piece] of rebuilt) {
    const whole = new Uint8Array(size);
    whole.set(data[place]!);
    expect(Buffer.compare(piece, whole)).toBe(0);
  }
}

function* subsets(count: number, most: number, from = 0): Generator<number[]> {
  yield [];
  if (most === 0) return;
  for (let first = from; first < count; first++) {
    for (const rest of subsets(count, most - 1, first + 1)) yield [first, ...rest];
  }
}

describe("every loss pattern", () => {
  test.each([
    [1, 1],
    [5, 1],
    [1, 3],
    [4, 2],
    [6, 3],
    [7, 4],
  ])("of %i data and %i parity pieces", (pieces, parity) => {
    const data = Array.from({ length: pieces }, (_, i) =>
      Uint8Array.from({ length: 13 - (i % 3) }, (_, j) => (i * 37 + j * 101 + 5) & 255),
    );
    const parities = encode(data, parity, 13);
    let patterns = 0;
    for (const lost of subsets(pieces + parity, parity)) {
      recovers(data, parities, new Set(lost));
      patterns++;
    }
    expect(patterns).toBeGreaterThan(parity);
  });
});

test("random groups of any shape, with pieces of any length and alignment", () => {
  const shape = fc
    .record({
      pieces: fc.integer({ min: 1, max: GROUP_MAX }),
      parity: fc.integer({ min: 1, max: PARITY_MAX }),
    })
    .chain(({ pieces, parity }) =>
      fc.record({
        data: fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: pieces, maxLength: pieces }),
        parity: fc.constant(parity),
        shift: fc.integer({ min: 0, max: 3 }),
        lost: fc.uniqueArray(fc.nat({ max: pieces + parity - 1 }), { maxLength: parity }),
      }),
    );
  fc.assert(
    fc.property(shape, ({ data, parity, shift, lost }) => {
      const shifted = data.map((piece) => {
        const whole = new Uint8Array(piece.length + shift);
        whole.set(piece, shift);
        return whole.subarray(shift);
      });
      recovers(shifted, encode(shifted, parity, 9), new Set(lost));
    }),
    { numRuns: 200 },
  );
});

test("one parity piece is the XOR of the data", () => {
  const data = [Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(255, 0, 255, 0, 255)];
  expect([...encode(data, 1, 5)[0]!]).toEqual([254, 2, 252, 4, 250]);
});

test("more losses than parity, and impossible shapes, are refused", () => {
  const data = [Uint8Array.of(1), Uint8Array.of(2)];
  const parity = encode(data, 1, 1);
  expect(() => rebuildPieces([undefined, undefined], parity, 1)).toThrow(
    "2 pieces are lost, and 1 parity pieces are left",
  );
  expect(() => rebuildPieces([data[0], undefined], [undefined], 1)).toThrow();
  expect(() => new ParityEncoder(0, 1)).toThrow();
  expect(() => new ParityEncoder(PARITY_MAX + 1, 1)).toThrow();
});
