// When to try again, and when to give up: growing pauses with jitter, as long as something moves now and then.

import type { Fault } from "../../wire/faults.ts";
import { isPassing } from "./request.ts";

const FIRST_MS = 200;
const LONGEST_MS = 10_000;

export interface BackoffSettings {
  /** Milliseconds without any progress after which a failure is final; 0: the first failure is. */
  readonly patience: number;
  readonly signal: AbortSignal | undefined;
}

/** One series of attempts at one thing. */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #isPassing: (error: unknown) => error is Fault;
  #failures = 0;
  #movedAt = performance.now();

  /** `passing` tells what another attempt may mend; default: no answer, a busy or failing server. */
  constructor(settings: BackoffSettings, passing = isPassing) {
    this.#settings = settings;
    this.#isPassing = passing;
  }

  /** Something has moved: patience begins anew. */
  moved(): void {
    this.#failures = 0;
    this.#movedAt = performance.now();
  }

  /** Waits before the next attempt; throws `error` when another attempt is no use, or patience is at its end. */
  async pause(error: unknown): Promise<void> {
    const { patience, signal } = this.#settings;
    signal?.throwIfAborted();
    if (!this.#isPassing(error)) throw error;
    const wait = Math.max(pauseAfter(this.#failures++), askedPause(error));
    if (performance.now() + wait - this.#movedAt > patience) throw error;
    await sleep(wait, signal);
  }
}

/** Repeats `attempt` until it succeeds, fails for good, or patience is at its end. */
export async function persist<T>(settings: BackoffSettings, attempt: () => Promise<T>): Promise<T> {
  const backoff = new Backoff(settings);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await backoff.pause(error);
    }
  }
}

/** Half fixed, half by chance, so that many clients of a server that restarts do not return all at once. */
function pauseAfter(failures: number): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** failures);
  return most / 2 + (Math.random() * most) / 2;
}

function askedPause(fault: Fault): number {
  const asked = fault.details?.retryAfter;
  return typeof asked === "number" ? Math.min(asked, LONGEST_MS * 6) : 0;
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
