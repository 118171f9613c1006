// Dates in headers: three forms, and nothing else that a date parser may take for one.

import { expect, test } from "bun:test";
import { parseHttpDate } from "../../../../src/doors/http/files/http-date.ts";

const SECONDS = Date.UTC(1994, 10, 6, 8, 49, 37) / 1000;

test.each(["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])(
  "%s is a date, wherever the server stands",
  (text) => {
    const zone = process.env.TZ;
    try {
      for (const place of ["UTC", "America/New_York", "Asia/Kolkata"]) {
        process.env.TZ = place;
        expect(parseHttpDate(text)).toBe(SECONDS);
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  },
);

test.each([
  "",
  "0",
  "2100",
  "1 Jan",
  'W/"2020-01-01"',
  "1994-11-06T08:49:37Z",
  "Sun, 06 Nov 1994 08:49:37 +0100",
  "Sun, 06 Nov 1994 25:49:37 GMT",
  "Sun, 32 Nov 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
])("%j is none", (text) => expect(parseHttpDate(text)).toBeUndefined());
