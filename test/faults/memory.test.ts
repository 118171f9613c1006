// A worker that gets no more memory from the system: its job fails with that after its attempts, and the service goes on.

import { expect, test } from "bun:test";
import type { JobEntry } from "../../src/wire/api.ts";
import { Cairn } from "../support/cairn.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const GROUPS = 600_000;
/** What the limits bring about: the process aborts, its library cannot be loaded, or an allocation of it fails. */
const WITHOUT_MEMORY =
  /was killed by SIG[A-Z]+ during attempt 3 of 3|the system gave the aggregation no more memory/;

for (const [limit, bytes] of [
  ["not a byte more than it has", 1],
  ["300 MB, and what it has where that is more", 300_000_000],
] as const) {
  test(`a worker that may have ${limit} fails its job, not the service`, async () => {
    await using folder = await temporaryFolder();
    await using cairn = await Cairn.start({
      database: folder.at("cairn.sqlite"),
      flags: ["--workers", "1"],
      // A crash is what is asked for here; nobody need be told of it.
      command: ["env", "DO_NOT_TRACK=1", "BUN_ENABLE_CRASH_REPORTING=0", CAIRN],
    });
    const large = await submit(cairn, plays(GROUPS));
    const limited: (string | null)[] = [];
    const unanswered: unknown[] = [];
    const failed = await until("the job has ended", async () => {
      // The server answers each time, also while a worker dies.
      const job = await jobOf(cairn, large).catch((error) => void unanswered.push(error));
      if (job?.state === "running" && limited.at(-1) !== job.worker) {
        limited.push(job.worker);
        await deny(Number(job.worker?.split(":")[1]), bytes);
      }
      return (job?.state === "failed" || job?.state === "succeeded") && job;
    });
    expect(unanswered).toEqual([]);
    expect(failed).toMatchObject({ state: "failed", attempts: 3, error: { code: "internal" } });
    expect(failed.error?.message).toMatch(WITHOUT_MEMORY);
    expect(failed.error?.hint).toContain("--job-memory");
    expect(limited.length).toBe(3);
    const small = await submit(cairn, plays(2));
    await until("another job succeeds", async () => (await jobOf(cairn, small)).state === "succeeded");
    const totals = await fetch(`${cairn.http}/api/download_file/${small}`);
    expect(await totals.text()).toBe(
      "Song,Date,Total Number of Plays for Date\nSong 0,2020-01-01,1\nSong 1,2020-01-01,1\n",
    );
  }, 60_000);
}

/** From now on the process `pid` gets no private memory that would take it above `bytes`, as on a machine that is full. */
async function deny(pid: number, bytes: number): Promise<void> {
  const { code, output } = await run(["prlimit", "--pid", String(pid), `--data=${bytes}`]);
  expect({ code, output }).toEqual({ code: 0, output: "" });
}

async function submit({ http }: Cairn, csv: string): Promise<string> {
  const body = new FormData();
  body.append("file", new File([csv], "plays.csv"));
  const answer = await fetch(`${http}/api/upload_file`, { method: "POST", body });
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { job_id: string }).job_id;
}

async function jobOf({ http }: Cairn, id: string): Promise<JobEntry> {
  const answer = await fetch(`${http}/api/jobs/${id}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as JobEntry;
}

function plays(groups: number): string {
  const rows = Array.from({ length: groups }, (_, i) => `Song ${i},2020-01-01,1\n`);
  return `Song,Date,Number of Plays\n${rows.join("")}`;
}
