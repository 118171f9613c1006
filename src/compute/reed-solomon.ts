// Reed–Solomon over GF(256): K parity pieces for a group of data pieces, so that any K lost pieces can be computed again.
// One parity piece is a plain XOR, word by word; each further one costs a table look-up for every byte of data.

import { Fault } from "../wire/faults.ts";

/** Data pieces of a group, at most; with as many parity pieces as PARITY_MAX they are 256. */
export const GROUP_MAX = 240;
export const PARITY_MAX = 16;

/** Accumulates the parity of one group, piece by piece, without keeping the pieces. */
export class ParityEncoder {
  readonly #parity: Uint8Array[];
  #pieces = 0;

  /** `size`: bytes of the largest piece, and so of every parity piece; shorter ones count as padded with zeros. */
  constructor(parity: number, size: number) {
    if (!(parity >= 1 && parity <= PARITY_MAX)) {
      throw new Fault("invalid", `parity must be 1 to ${PARITY_MAX} pieces, not ${parity}`);
    }
    this.#parity = Array.from({ length: parity }, () => new Uint8Array(size));
  }

  /** Pieces taken so far. */
  get pieces(): number {
    return this.#pieces;
  }

  add(piece: Uint8Array): void {
    if (this.#pieces === GROUP_MAX) throw new Fault("internal", `a group has at most ${GROUP_MAX} pieces`);
    for (const [row, into] of this.#parity.entries()) addProduct(into, piece, coefficient(row, this.#pieces));
    this.#pieces++;
  }

  /** The parity of what was added. They are the encoder's own memory: add nothing afterwards. */
  finish(): readonly Uint8Array[] {
    return this.#parity;
  }
}

/**
 * The lost data pieces by their place, each of `size` bytes (cut those that were shorter). `undefined` stands for a lost piece. Throws a
 * Fault `invalid` when more data pieces are lost than parity pieces are there.
 */
export function rebuildPieces(
  data: readonly (Uint8Array | undefined)[],
  parity: readonly (Uint8Array | undefined)[],
  size: number,
): Map<number, Uint8Array> {
  const lost = [...data.keys()].filter((place) => data[place] === undefined);
  const rows = [...parity.keys()].filter((row) => parity[row] !== undefined).slice(0, lost.length);
  if (rows.length < lost.length) {
    throw new Fault("invalid", `${lost.length} pieces are lost, and ${rows.length} parity pieces are left`);
  }
  // What each parity piece says about the lost pieces alone.
  const sums = rows.map((row) => {
    const sum = new Uint8Array(size);
    addProduct(sum, parity[row] ?? sum, 1);
    for (const [place, piece] of data.entries()) if (piece) addProduct(sum, piece, coefficient(row, place));
    return sum;
  });
  const inverse = inverted(rows.map((row) => lost.map((place) => coefficient(row, place))));
  const rebuilt = new Map<number, Uint8Array>();
  for (const [i, place] of lost.entries()) {
    const piece = new Uint8Array(size);
    for (const [j, sum] of sums.entries()) addProduct(piece, sum, inverse[i]?.[j] ?? 0);
    rebuilt.set(place, piece);
  }
  return rebuilt;
}

/**
 * A Cauchy matrix, each column divided by its first element: every square part of it can be inverted, which is what makes
 * any loss up to the number of rows recoverable, and its first row is all ones.
 */
function coefficient(row: number, place: number): number {
  return multiply((255 - 0) ^ place, INVERSE[(255 - row) ^ place] ?? 0);
}

const { EXP, LOG, INVERSE } = makeField();

/** x⁸ + x⁴ + x³ + x² + 1, the polynomial of most Reed–Solomon codes; 2 generates all but 0. */
function makeField() {
  const EXP = new Uint8Array(512);
  const LOG = new Uint8Array(256);
  let value = 1;
  for (let power = 0; power < 255; power++) {
    EXP[power] = value;
    EXP[power + 255] = value;
    LOG[value] = power;
    value = (value << 1) ^ (value & 128 ? 0x11d : 0);
  }
  const INVERSE = Uint8Array.from({ length: 256 }, (_, x) => (x === 0 ? 0 : (EXP[255 - (LOG[x] ?? 0)] ?? 0)));
  return { EXP, LOG, INVERSE };
}

function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : (EXP[(LOG[a] ?? 0) + (LOG[b] ?? 0)] ?? 0);
}

/** into += factor × piece; adding is XOR. */
function addProduct(into: Uint8Array, piece: Uint8Array, factor: number): void {
  if (factor === 0) return;
  if (factor === 1) addPiece(into, piece);
  else addByTable(into, piece, productsOf(factor));
}

function addByTable(into: Uint8Array, piece: Uint8Array, products: Uint8Array): void {
  const { length } = piece;
  for (let i = 0; i < length; i++) into[i] = (into[i] as number) ^ (products[piece[i] as number] as number);
}

function addPiece(into: Uint8Array, piece: Uint8Array): void {
  const { length } = piece;
  let done = 0;
  if (into.byteOffset % 4 === 0 && piece.byteOffset % 4 === 0) {
    const words = length >>> 2;
    const to = new Uint32Array(into.buffer, into.byteOffset, words);
    const from = new Uint32Array(piece.buffer, piece.byteOffset, words);
    for (let i = 0; i < words; i++) to[i] = (to[i] as number) ^ (from[i] as number);
    done = words * 4;
  }
  for (; done < length; done++) into[done] = (into[done] as number) ^ (piece[done] as number);
}

const PRODUCTS: (Uint8Array | undefined)[] = [];

function productsOf(factor: number): Uint8Array {
  PRODUCTS[factor] ??= Uint8Array.from({ length: 256 }, (_, x) => multiply(factor, x));
  return PRODUCTS[factor];
}

/** Gauss and Jordan; the matrix is small, and regular by its making. */
function inverted(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < n; column++) {
    const at = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    const pivot = rows[at];
    const other = rows[column];
    if (!pivot || !other) throw new Fault("internal", "a part of the Cauchy matrix cannot be inverted");
    rows[at] = other;
    const scale = INVERSE[pivot[column] ?? 0] ?? 0;
    const scaled = pivot.map((value) => multiply(value, scale));
    rows[column] = scaled;
    for (const [i, row] of rows.entries()) {
      const factor = row[column] ?? 0;
      if (i !== column && factor !== 0)
        rows[i] = row.map((value, j) => value ^ multiply(factor, scaled[j] ?? 0));
    }
  }
  return rows.map((row) => row.slice(n));
}
