// The request lines of the client, byte for byte.

import { expect, test } from "bun:test";
import * as requests from "../../../src/wire/memcached/client-requests.ts";

test("request lines", () => {
  const put = { key: "k", exptime: 60, bytes: 5 };
  expect(requests.storageLine({ command: "set", ...put })).toBe("set k 0 60 5\r\n");
  expect(requests.storageLine({ command: "cas", ...put, cas: "18446744073709551615" })).toBe(
    "cas k 0 60 5 18446744073709551615\r\n",
  );
  expect(requests.getLine("gets", ["a", "b"])).toBe("gets a b\r\n");
  expect(requests.metaDeleteLine("a", "7")).toBe("md a C7\r\n");
});

test.each([
  ["a", true],
  ["a".repeat(250), true],
  ["a".repeat(251), false],
  ["", false],
  ["a b", false],
  ["a\r\nflush_all", false],
  ["\u0000", false],
  ["ü", false],
])("%j as a key: %p", (text, plain) => {
  expect(requests.isPlainKey(text)).toBe(plain);
});
