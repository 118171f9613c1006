// The supervisor of `serve`: keeps a number of worker processes alive, tells them of new jobs, and ends them.

import type { Subprocess } from "bun";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { toFault } from "../wire/faults.ts";
import { lifeOf, processName } from "./process-names.ts";

export interface WorkersOptions {
  readonly count: number;
  /** The program and its arguments, e.g. `workerCommand(["worker", database])`. */
  readonly command: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told the name of a worker that has ended, and how, so that its job is given to another at once. */
  readonly onDeath: (dead: { readonly worker: string; readonly how: string }) => Promise<unknown>;
  /** Milliseconds that workers have to give their jobs back on shutdown; then they are killed. */
  readonly graceMs?: number;
}

const GRACE_MS = 5_000;
const FIRST_BACKOFF_MS = 200;
const LONGEST_BACKOFF_MS = 30_000;
/** A worker that lived this long did not die of starting. */
const SETTLED_MS = 10_000;

/** So many in a row died soon after their start: another one that has just started is not counted as alive. */
const FAILING = 2;

/** What is sent to a worker over IPC when a job was added. */
export const POKE = "poke";

/** What a worker sends when a job has come to its end: whatever ends it later, it did not die of starting. */
export const WORKED = "worked";

/** How the names of workers end that a server has started: with it they are gone, or about to go. */
const OF_A_SERVER = ".s";

/** The name under which the worker process `pid` of this machine holds its leases. */
export function workerName(pid: number, isOfAServer: boolean): string {
  return processName(pid) + (isOfAServer ? OF_A_SERVER : "");
}

/** True for the name of a worker whose process is known to be gone. Of those that are not seen from here nothing is known. */
export function isDeadHere(worker: string): boolean {
  return lifeOf(processOf(worker)) === "dead";
}

/** The process's own name. */
export function processOf(worker: string): string {
  return worker.endsWith(OF_A_SERVER) ? worker.slice(0, -OF_A_SERVER.length) : worker;
}

/** For a server at its start, which is the only one of its data folder: the workers of those before it are dead to it. */
export function isOfBefore(worker: string): boolean {
  return worker.endsWith(OF_A_SERVER) || isDeadHere(worker);
}

/** How this very program is started again, as source or as one executable, with other arguments. */
export function workerCommand(args: readonly string[]): readonly string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return [process.execPath, ...(compiled ? [] : [Bun.main]), ...args];
}

export interface OwnWorker {
  readonly name: string;
  /** ms since 1970. */
  readonly startedAt: number;
  readonly isUp: boolean;
}

/** A place for one worker process, and for the next one when it has ended. */
interface Lane {
  child: Subprocess | undefined;
  /** Of the process that runs now, or ran last. */
  name: string;
  /** ms since 1970, of the process that runs now, or ran last. */
  startedAt: number;
  /** Processes in a row that did not end by themselves, the last of which lived shortly. */
  failures: number;
  /** How the last one ended. */
  how: string | undefined;
}

export class Workers implements AsyncDisposable {
  readonly #options: WorkersOptions;
  readonly #stopping = new AbortController();
  readonly #lanes: readonly Lane[];
  readonly #kept: readonly Promise<void>[];

  constructor(options: WorkersOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.count }, () => ({
      ...{ child: undefined, name: "", startedAt: 0, failures: 0, how: undefined },
    }));
    this.#kept = this.#lanes.map((lane) => this.#keepOne(lane));
  }

  /** Worker processes that are running now; not those that are started again and again and do not live. */
  get alive(): number {
    return this.#lanes.filter((lane) => this.#isUp(lane)).length;
  }

  /** How workers end that are started again and again and do not live; undefined: all is well. */
  get failing(): string | undefined {
    return this.#lanes.find((lane) => lane.failures >= FAILING && !this.#isUp(lane))?.how;
  }

  /** Its processes, by their names; `isUp`: not one of those that do not live. */
  get own(): readonly OwnWorker[] {
    return this.#lanes.flatMap((lane) => {
      if (!lane.child) return [];
      return { name: lane.name, startedAt: lane.startedAt, isUp: this.#isUp(lane) };
    });
  }

  get #children(): readonly Subprocess[] {
    return this.#lanes.flatMap(({ child }) => child ?? []);
  }

  #isUp({ child, startedAt, failures }: Lane): boolean {
    return child !== undefined && (failures < FAILING || this.#options.clock.now() - startedAt > SETTLED_MS);
  }

  /** A hint to all of them that there is a job. */
  poke(): void {
    for (const child of this.#children) {
      try {
        child.send(POKE);
      } catch (error) {
        // It is about to exit; the job is found by its successor.
        this.#options.log.debug("worker.poke-failed", { pid: child.pid, error: toFault(error).message });
      }
    }
  }

  /** SIGTERM, then SIGKILL after the grace. Resolves when none is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, graceMs = GRACE_MS, log } = this.#options;
    this.#stopping.abort();
    for (const child of this.#children) child.kill("SIGTERM");
    const over = new AbortController();
    const kill = clock.sleep(graceMs, over.signal).then(
      () => {
        for (const child of this.#children) {
          log.warn("worker.killed", { pid: child.pid, graceMs });
          child.kill("SIGKILL");
        }
      },
      () => undefined, // all ended in time
    );
    await Promise.all(this.#kept);
    over.abort();
    await kill;
  }

  /** Starts a worker, and another when it ends, until stopped. */
  async #keepOne(lane: Lane): Promise<void> {
    const { clock, log } = this.#options;
    while (!this.#stopping.signal.aborted) {
      lane.startedAt = clock.now();
      const code = await this.#runOne(lane);
      if (this.#stopping.signal.aborted) return;
      // A worker that has grown ends with 0 to be replaced: no reason to wait.
      if (code === 0) lane.failures = 0;
      else lane.failures = clock.now() - lane.startedAt > SETTLED_MS ? 1 : lane.failures + 1;
      if (lane.failures === 0) continue;
      const retryMs = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (lane.failures - 1));
      if (this.alive === 0)
        log.error("workers.none-alive", { last: lane.how, failures: lane.failures, retryMs });
      await clock.sleep(retryMs, this.#stopping.signal).catch(() => undefined);
    }
  }

  async #runOne(lane: Lane): Promise<number | null> {
    const { log, onDeath } = this.#options;
    const child = this.#start(lane);
    if (!child) {
      lane.how = "could not be started";
      return null;
    }
    lane.child = child;
    // While it lives its start can be read, which is a part of its name.
    lane.name = workerName(child.pid, true);
    await child.exited;
    lane.child = undefined;
    const { pid, exitCode, signalCode } = child;
    lane.how = signalCode === null ? `ended with code ${exitCode}` : `was killed by ${signalCode}`;
    const fields = { pid, code: exitCode, signal: signalCode };
    if (exitCode === 0 || this.#stopping.signal.aborted) log.debug("worker.exited", fields);
    else log.warn("worker.exited", fields);
    try {
      await onDeath({ worker: lane.name, how: lane.how });
    } catch (error) {
      log.error("worker.recovery-failed", { pid, error: toFault(error) });
    }
    return exitCode;
  }

  #start(lane: Lane): Subprocess | undefined {
    const { command, env, log } = this.#options;
    try {
      return Bun.spawn([...command], {
        env: { ...process.env, ...env },
        stdio: ["ignore", "inherit", "inherit"],
        // The channel's other use is to close when this process dies.
        ipc: (message) => {
          if (message === WORKED) lane.failures = 0;
        },
      });
    } catch (error) {
      log.error("worker.not-started", { command, error: toFault(error) });
      return undefined;
    }
  }
}
