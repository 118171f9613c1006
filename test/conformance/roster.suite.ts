// The contract of ports/roster.ts, for every adapter.

import { describe, expect, test } from "bun:test";
import type { Roster } from "../../src/ports/roster.ts";

export interface RosterFixture extends AsyncDisposable {
  /** Two that see the same workers: other processes open the roster too. */
  readonly rosters: readonly [Roster, Roster];
}

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 0, 1);

export function rosterConformance(name: string, open: () => Promise<RosterFixture>): void {
  describe(`roster: ${name}`, () => {
    const withRosters = (what: string, body: (one: Roster, other: Roster) => Promise<void>) =>
      test(what, async () => {
        await using fixture = await open();
        await body(...fixture.rosters);
      });
    const worker = (workerName: string, seenAt = NOW, startedAt = NOW) => ({
      ...{ name: workerName, kinds: ["merge", 'a"b'], startedAt, seenAt },
    });

    withRosters("who enters is seen by all, and is there once, as told last", async (one, other) => {
      expect(await other.list(0)).toEqual([]);
      await one.enter(worker("host:1"));
      await one.enter({ ...worker("host:1", NOW + 5), kinds: [] });
      expect(await other.list(0)).toEqual([{ ...worker("host:1", NOW + 5), kinds: [] }]);
    });

    withRosters("the oldest come first, and those that are silent are left out", async (one, other) => {
      await one.enter(worker("b", NOW + 20, NOW));
      await other.enter(worker("a", NOW + 20, NOW + 1));
      await one.enter(worker("c", NOW + 10, NOW - 1));
      expect((await one.list(NOW + 10)).map((known) => known.name)).toEqual(["c", "b", "a"]);
      expect((await other.list(NOW + 11)).map((known) => known.name)).toEqual(["b", "a"]);
    });

    withRosters("who leaves is gone, and may leave twice", async (one, other) => {
      await one.enter(worker("a"));
      await other.leave("a");
      await other.leave("a");
      expect(await one.list(0)).toEqual([]);
    });

    withRosters("one that was silent for an hour is forgotten when another enters", async (one, other) => {
      await one.enter(worker("silent"));
      await one.enter(worker("nearly", NOW + 1));
      await one.enter(worker("new", NOW + HOUR_MS));
      expect((await other.list(0)).map((known) => known.name).sort()).toEqual(["nearly", "new"]);
    });
  });
}
