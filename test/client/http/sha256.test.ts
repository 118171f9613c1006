// The plain SHA-256 against Node's own, for every length around its blocks and pieces of any size.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { sha256 } from "../../../src/client/http/sha256.ts";
import { sha256 as reference } from "../../support/bytes.ts";

test("equals the reference for all lengths up to three blocks", () => {
  for (let size = 0; size <= 192; size++) {
    const bytes = new Uint8Array(size).map((_, i) => i * 37 + size);
    const hash = sha256();
    hash.update(bytes);
    expect(hash.hex()).toBe(reference(bytes));
  }
});

test("equals the reference however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 }), (pieces) => {
      const hash = sha256();
      for (const piece of pieces) hash.update(piece);
      expect(hash.hex()).toBe(reference(Buffer.concat(pieces)));
    }),
  );
});
