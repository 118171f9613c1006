// Every transcript, against Cairn and against a stock memcached: a wrong one is found by the reference.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { exchange, type Served, serveKv } from "../support/memcached-wire.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary.ts";
import { readTranscript, type Section, type Server } from "../support/transcript.ts";

let cairn: Served;
/** With `--expire`, for the transcripts in which time matters. Its clock stands still. */
let expiring: Served;
/** Every value but the empty one is taken as a large one, and lies in a file of its own. */
let spooling: Served;
let folder: TemporaryFolder;
let memcached: MemcachedServer;

beforeAll(async () => {
  cairn = serveKv();
  expiring = serveKv({ expire: true });
  folder = await temporaryFolder();
  const clock = new ManualClock();
  const rules = createRules({ spoolFrom: 0 });
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules, clock });
  spooling = serveKv({ kv, clock, spoolFrom: 0 });
  memcached = await MemcachedServer.start();
});
afterAll(async () => {
  await cairn[Symbol.asyncDispose]();
  await expiring[Symbol.asyncDispose]();
  await memcached[Symbol.asyncDispose]();
  await spooling[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Sent behind every section that does not close; `mn` would make memcached send early. */
const LAST = "stats reset\r\n";
const LAST_ANSWER = "RESET\r\n";
/** memcached answers nothing that was sent behind this. */
const LISTING = /metadump all\r\n$/;

/** Numbers are never large. */
const COUNTING = /^(incr|decr|ma) /m;

const transcripts = new URL(".", import.meta.url).pathname;
for (const file of readdirSync(transcripts).filter((name) => name.endsWith(".txt"))) {
  describe(file, () => {
    for (const section of readTranscript(readFileSync(`${transcripts}${file}`, "utf8"))) {
      const ours = () => (file === "expiry.txt" ? expiring : cairn).port;
      if (section.output.cairn) test(`Cairn: ${section.name}`, () => play(section, "cairn", ours()));
      if (
        section.output.cairn &&
        !["expiry.txt", "listing.txt"].includes(file) &&
        !COUNTING.test(section.input)
      ) {
        test(`Cairn, values in files: ${section.name}`, () => play(section, "cairn", spooling.port));
      }
      if (section.output.memcached) {
        test(`memcached: ${section.name}`, () => play(section, "memcached", memcached.port));
      }
    }
  });
}

async function play(section: Section, server: Server, port: number): Promise<void> {
  await exchange(port, "flush_all\r\nmn\r\n", "MN\r\n");
  const [last, lastAnswer] = LISTING.test(section.input) ? ["", "END\r\n"] : [LAST, LAST_ANSWER];
  const { text, closed } = section.closes[server]
    ? await exchange(port, section.input)
    : await exchange(port, `${section.input}${last}`, lastAnswer);
  const answer = section.closes[server] || last === "" ? text : text.slice(0, -lastAnswer.length);
  expect(closed).toBe(section.closes[server]);
  expect(abridge(answer)).toMatch(section.output[server] ?? /^$/);
}

/** Failure messages stay readable. */
function abridge(text: string): string {
  return text.length > 200_000 ? `${text.length} bytes: ${text.slice(0, 200)}` : text;
}
