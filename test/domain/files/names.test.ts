// File names as callers send them.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { fileName } from "../../../src/domain/files/names.ts";

test.each([
  ["a.csv", "a.csv"],
  ["/etc/../a.csv", "a.csv"],
  ["C:\\Users\\me\\Übung 1.csv", "Übung 1.csv"],
  ["%2e%2e", "%2e%2e"],
  [" 🗻 ", "🗻"],
])("%j is %j", (raw, name) => {
  expect(fileName(raw)).toBe(name);
});

test.each(["", " ", ".", "..", "a/", "../..", "a\u0000b", "a\nb.csv", "\ud800", "x".repeat(1025)])(
  "refuses %j",
  (raw) => {
    expect(() => fileName(raw)).toThrow("the file name");
  },
);

test("what it returns is never a path, and is a name again", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (raw) => {
      let name: string;
      try {
        name = fileName(raw);
      } catch {
        return;
      }
      for (const bad of ["/", "\\", "\0"]) expect(name).not.toContain(bad);
      expect(fileName(name)).toBe(name);
    }),
  );
});
