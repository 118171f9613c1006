// All workers of a data folder: those that this server started, and those that made themselves known.

import { jobsInHand, presentWorkers } from "../domain/jobs/presence.ts";
import type { Clock } from "../ports/clock.ts";
import type { Job, Queue } from "../ports/queue.ts";
import type { Roster, WorkerRecord } from "../ports/roster.ts";
import type { WorkerEntry } from "../wire/api.ts";
import { isDeadHere, type Workers } from "./workers.ts";

export interface CrewOptions {
  readonly workers: Pick<Workers, "own" | "failing">;
  readonly roster: Roster;
  readonly queue: Pick<Queue, "page">;
  readonly clock: Clock;
}

type Member = WorkerRecord & { readonly own: boolean };

export class Crew {
  readonly #options: CrewOptions;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  /**
   * How many are alive, and how those of this server end that do not live: both of one moment, so that a worker which
   * died while the question was answered is not told of as alive and failing at once.
   */
  async state(): Promise<{ readonly alive: number; readonly failing: string | undefined }> {
    const { members, failing } = await this.#look();
    return { alive: members.length, failing };
  }

  /** Those that are alive, the oldest first, and what each works on. */
  async list(): Promise<readonly WorkerEntry[]> {
    const { members } = await this.#look();
    const held = await jobsInHand(this.#options.queue);
    return members.map(({ kinds, ...member }) => {
      const job = held.get(member.name);
      return { ...member, kinds: [...kinds], job: job ? shown(job) : null };
    });
  }

  /** Of its own processes the server knows by itself which live; one that has just started has told nothing yet. */
  async #look(): Promise<{ readonly members: readonly Member[]; readonly failing: string | undefined }> {
    const { workers, roster, clock } = this.#options;
    const present = await presentWorkers(roster, clock);
    const told = new Map(present.map((worker) => [worker.name, worker]));
    const { own, failing } = workers;
    const names = new Set(own.map(({ name }) => name));
    const ours = own.flatMap(({ name, startedAt, isUp }): Member[] => {
      const silent = { name, kinds: [], startedAt, seenAt: startedAt };
      return isUp ? [{ ...(told.get(name) ?? silent), own: true }] : [];
    });
    const others = present.filter(({ name }) => !names.has(name) && !isDeadHere(name));
    const members = [...ours, ...others.map((worker) => ({ ...worker, own: false }))];
    return { members: members.sort((a, b) => a.startedAt - b.startedAt), failing };
  }
}

function shown({ id, kind, startedAt, progress }: Job): WorkerEntry["job"] {
  return { id, kind, startedAt, progress };
}
