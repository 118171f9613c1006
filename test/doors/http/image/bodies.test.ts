// The quick checks of bodies: what they take, the schemas take as it is.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { imageChunk, registration } from "../../../../src/doors/http/image/bodies.ts";

const digest = "0123456789abcdef".repeat(4);
const number = fc.oneof(
  fc.constantFrom(
    0,
    1,
    -1,
    0.5,
    -0,
    2 ** 31,
    2 ** 53 - 1,
    2 ** 53,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ),
  fc.integer(),
  fc.double(),
);
const text = fc.oneof(
  fc.constantFrom(digest, digest.toUpperCase(), digest.slice(1), `${digest}\n`, `${digest}0`, ""),
  fc.string(),
);
const member = fc.oneof(number, text, fc.constantFrom(null, undefined, true, [], {}), fc.jsonValue());
const bodies = (...names: readonly string[]) =>
  fc.oneof(
    fc.record(Object.fromEntries(names.map((name) => [name, member])), { requiredKeys: [] }),
    fc.record({ ...Object.fromEntries(names.map((name) => [name, member])), more: member }),
    fc.jsonValue(),
  );
const valid = { sha256: digest, size: 699, chunk_size: 256 };

test("a registration", () => {
  expect(registration.isPlain(valid)).toBe(true);
  fc.assert(
    fc.property(bodies("sha256", "size", "chunk_size"), (body) => {
      if (!registration.isPlain(body)) return;
      const { sha256, size, chunk_size } = body;
      expect(registration.schema.parse(body)).toEqual({ sha256, size, chunk_size });
    }),
    {
      numRuns: 2000,
      examples: [[valid], [{ ...valid, sha256: digest.toUpperCase() }], [{ ...valid, more: 1 }]],
    },
  );
});

test("a chunk", () => {
  const chunk = { id: 2, size: 3, data: "äb" };
  expect(imageChunk.isPlain(chunk)).toBe(true);
  fc.assert(
    fc.property(bodies("id", "size", "data"), (body) => {
      if (!imageChunk.isPlain(body)) return;
      const { id, size, data } = body;
      expect(imageChunk.schema.parse(body)).toEqual({ id, size, data });
    }),
    { numRuns: 2000, examples: [[chunk], [{ ...chunk, id: 2 ** 53 }], [{ ...chunk, size: -1 }]] },
  );
});

test("digests in capitals are left to the schema, which writes them in lower case", () => {
  const capitals = { ...valid, sha256: digest.toUpperCase() };
  expect(registration.isPlain(capitals)).toBe(false);
  expect(registration.schema.parse(capitals)).toEqual(valid);
});
