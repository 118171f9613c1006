// A store that goes on failing does not fill the log, and the log says what to do.

import { expect, test } from "bun:test";
import { Failures } from "../../../src/doors/memcached/failures.ts";
import type { LogFields } from "../../../src/ports/log.ts";
import { Fault } from "../../../src/wire/faults.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SILENT } from "../../support/memcached-wire.ts";

const full = new Fault("no-space", "no space left", { hint: "Free some space." });

function watched() {
  const clock = new ManualClock();
  const lines: LogFields[] = [];
  const log = { ...SILENT, error: (_event: string, fields: LogFields = {}) => void lines.push(fields) };
  return { clock, lines, failures: new Failures(log, clock) };
}

test("one that goes on is told once a second, with how many commands came to nothing by it", () => {
  const { clock, lines, failures } = watched();
  for (let i = 0; i < 1_000; i++) expect(failures.report(full, 2)).toBe("no-space");
  expect(lines).toEqual([
    { code: "no-space", error: "no space left", hint: "Free some space.", commands: 2 },
  ]);
  clock.jump(1_000);
  failures.report(full, 1);
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ commands: 1_999 });
});

test("those that take turns are each told once a second", () => {
  const { lines, failures } = watched();
  for (let i = 0; i < 100; i++) {
    failures.report(full, 1);
    failures.report(new Fault("corrupt", "damaged"), 1);
  }
  expect(lines).toHaveLength(2);
});

test("another one is told at once, and so is the same when the clock was set back", () => {
  const { clock, lines, failures } = watched();
  failures.report(full, 1);
  failures.report(new Fault("corrupt", "damaged"), 1);
  expect(lines[1]).toEqual({ code: "corrupt", error: "damaged", commands: 1 });
  clock.jump(-3_600_000);
  failures.report(new Fault("corrupt", "damaged"), 1);
  expect(lines).toHaveLength(3);
});
