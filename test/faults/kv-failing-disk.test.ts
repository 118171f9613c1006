// A disk that fails for a while under the items: a set that could not be made durable is refused and changes nothing that a reader sees, gets
// go on, all works again when the disk does, and what was acknowledged is there after a crash.

import { expect } from "bun:test";
import { Cairn } from "../support/cairn.ts";
import { type FailingCalls, failCalls, tracedTest } from "../support/failing-calls.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

const CONNECTIONS = 12;
const ROUNDS = 8;
const UNREADABLE = "SERVER_ERROR the database cannot be read or written, see the server's log";
const FULL = "SERVER_ERROR out of memory storing object: the disk is full";
const LARGE = "L".repeat(1_200_000);

const FAILURES: readonly (FailingCalls & { readonly refusal: string })[] = [
  { calls: "fdatasync", error: "EIO", refusal: UNREADABLE },
  { calls: "fdatasync", error: "EIO:when=2+3", refusal: UNREADABLE },
  { calls: "pwrite64", error: "EIO", refusal: UNREADABLE },
  { calls: "pwrite64", error: "EIO:when=2+2", refusal: UNREADABLE },
  { calls: "pwrite64", error: "ENOSPC:when=1+2", refusal: FULL },
];

/** What was acknowledged last, by key. */
type Model = Map<string, string>;

tracedTest(
  "sets while the journal cannot be written or synced",
  async () => {
    await using folder = await temporaryFolder();
    const database = folder.at("cairn.sqlite");
    const flags = ["--workers", "0", "--max-item", "2mb"];
    const model: Model = new Map();
    {
      await using cairn = await Cairn.start({ database, flags });
      await setAll(cairn, model, "before", []);
      for (const [i, failure] of FAILURES.entries()) {
        {
          await using _failing = await failCalls(cairn.pid, failure);
          const refused = await setAll(cairn, model, `during${i}`, [failure.refusal]);
          expect(refused).toBeGreaterThan(0);
          expect(["STORED", failure.refusal]).toContain(await large(cairn));
        }
        expect(await setAll(cairn, model, `after${i}`, [])).toBe(0);
        expect(await large(cairn)).toBe("STORED");
      }
      await cairn.kill();
    }
    const check = await run([CAIRN, "check", database]);
    expect(check.code).toBe(0);
    await using cairn = await Cairn.start({ database, flags });
    for (const [key, value] of model) expect(await read(cairn, key)).toBe(value);
    expect(await read(cairn, "large")).toBe(LARGE);
  },
  120_000,
);

/** Every connection sets its keys in turn. Returns how many sets were refused, each with one of `refusals`; a reader sees nothing of them. */
async function setAll(
  cairn: Cairn,
  model: Model,
  value: string,
  refusals: readonly string[],
): Promise<number> {
  let refused = 0;
  const connection = async (id: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const key = `k${id}.${round % 3}`;
      const sent = `${value}.${round}`;
      const answer = (
        await memcachedRequest(cairn.memcached, `set ${key} 0 0 ${sent.length}\r\n${sent}\r\n`)
      ).trim();
      if (answer === "STORED") model.set(key, sent);
      else {
        refused++;
        expect(refusals).toContain(answer);
      }
      expect(await read(cairn, key)).toBe(model.get(key));
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, id) => connection(id)));
  return refused;
}

/** The answer to a set of a value that is a file of its own. */
async function large(cairn: Cairn): Promise<string> {
  return (await memcachedRequest(cairn.memcached, `set large 0 0 ${LARGE.length}\r\n${LARGE}\r\n`)).trim();
}

async function read(cairn: Cairn, key: string): Promise<string | undefined> {
  const answer = await memcachedRequest(cairn.memcached, `get ${key}\r\n`);
  return /^VALUE \S+ \d+ \d+\r\n([\s\S]*)\r\nEND\r\n$/.exec(answer)?.[1];
}
