// A small, fast random number generator with a seed, so that test data is the same on every machine.

export interface Random {
  /** A whole number, 0 <= n < `below`. */
  below(below: number): number;
  pick<T>(list: readonly T[]): T;
}

/** xorshift128 (Marsaglia, 2003), seeded by splitmix32. Not for secrets. */
export function seededRandom(seed: number): Random {
  let [x, y, z, w] = spread(seed);
  const next = () => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w >>> 0;
  };
  const below = (limit: number) => Math.floor((next() / 0x1_0000_0000) * limit);
  return {
    below,
    pick(list) {
      const item = list[below(list.length)];
      if (item === undefined) throw new RangeError("nothing to pick from an empty list");
      return item;
    },
  };
}

/** A seed for those who gave none. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}

function spread(seed: number): [number, number, number, number] {
  // Seeds beyond 32 bits count too.
  let state = (seed ^ Math.floor(seed / 0x1_0000_0000)) | 0;
  const next = () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  return [next(), next(), next(), next() | 1];
}
