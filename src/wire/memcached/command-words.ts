// The names of the frequent commands as numbers, so that a name in a packet is compared without making a string of it.

export const GET = code("get");
export const GETS = code("gets");
export const BGET = code("bget");
export const GAT = code("gat");
export const GATS = code("gats");
export const SET = code("set");
export const ADD = code("add");
export const CAS = code("cas");
export const INCR = code("incr");
export const DECR = code("decr");
export const MG = code("mg");
export const MS = code("ms");
export const MD = code("md");
export const MA = code("ma");
export const ME = code("me");

/** Two to four letters as one number. */
export function pack(bytes: Uint8Array, start: number, length: number): number {
  let word = 0;
  for (let i = start; i < start + length; i++) word = (word << 8) | (bytes[i] as number);
  return word;
}

function code(word: string): number {
  return pack(Buffer.from(word), 0, word.length);
}
