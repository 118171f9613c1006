// Runs the roster suite against every adapter.

import { MemoryRoster } from "../../src/adapters/memory/roster.ts";
import { SqliteRoster } from "../../src/adapters/sqlite/queue/roster.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { rosterConformance } from "./roster.suite.ts";

rosterConformance("memory", async () => {
  const roster = new MemoryRoster();
  return { rosters: [roster, roster], [Symbol.asyncDispose]: async () => undefined };
});

rosterConformance("sqlite", async () => {
  const folder = await temporaryFolder();
  const open = () => SqliteRoster.open({ path: folder.at("jobs.sqlite") });
  const rosters = [open(), open()] as const;
  return {
    rosters,
    [Symbol.asyncDispose]: async () => {
      for (const roster of rosters) await roster[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
