// The SHA-256 of large files, a piece of each in turn: what of a file is known to be final, ahead of being asked; the rest then.

import { closeSync, openSync, readSync } from "node:fs";

export interface HashedFile {
  /** What it is called in requests. */
  readonly id: string;
  readonly path: string;
  /** How many of its bytes, from its start. */
  readonly size: number;
}

export type HashRequest =
  /** The first `size` bytes are final: hash them when there is time. */
  | ({ readonly kind: "ahead" } & HashedFile)
  /** The digest of the first `size` bytes, to be answered under `ask`. */
  | ({ readonly kind: "digest"; readonly ask: number } & HashedFile)
  | { readonly kind: "forget"; readonly id: string };

export type HashAnswer = { readonly ask: number } & Digested;

export type Digested =
  | { readonly kind: "digest"; readonly sha256: string }
  /** The file ended before. */
  | { readonly kind: "short"; readonly size: number }
  /** `code`: the system's, such as `ENOENT`. */
  | { readonly kind: "failed"; readonly code: string | undefined; readonly message: string };

export interface Hashing {
  take(request: HashRequest): void;
}

/** Works off what it is asked, a piece between two turns of the event loop. */
export function startHashing(onAnswer: (answer: HashAnswer) => void): Hashing {
  const queue = new HashQueue(onAnswer);
  let isRunning = false;
  const turn = () => {
    isRunning = queue.step();
    if (isRunning) setImmediate(turn);
  };
  return {
    take: (request) => {
      queue.take(request);
      if (isRunning) return;
      isRunning = true;
      setImmediate(turn);
    },
  };
}

interface Job {
  readonly path: string;
  readonly hasher: Bun.CryptoHasher;
  /** Undefined: ahead of being asked. */
  readonly ask: number | undefined;
  size: number;
  at: number;
  isQueued: boolean;
}

/** Hashed in one step: about a millisecond's work. */
const STEP = 1_048_576;
/** Read at once: small enough to stay in a processor's own cache. */
const PIECE = 262_144;

class HashQueue {
  readonly #onAnswer: (answer: HashAnswer) => void;
  readonly #ahead = new Map<string, Job>();
  readonly #waiting: Job[] = [];
  readonly #piece = new Uint8Array(PIECE);

  constructor(onAnswer: (answer: HashAnswer) => void) {
    this.#onAnswer = onAnswer;
  }

  take(request: HashRequest): void {
    if (request.kind === "ahead") this.#goAhead(request);
    else if (request.kind === "digest") this.#queue(this.#digestJob(request, request.ask));
    else this.#forget(request.id);
  }

  /** Hashes a piece of the file whose turn it is; false when nothing is left to do. */
  step(): boolean {
    const job = this.#waiting.shift();
    if (!job) return false;
    job.isQueued = false;
    const end = this.#advance(job);
    if (!end) this.#queue(job);
    else if (job.ask !== undefined) this.#onAnswer({ ask: job.ask, ...end });
    else if (end.kind !== "digest") this.#drop(job);
    return this.#waiting.length > 0;
  }

  #goAhead({ id, path, size }: HashedFile): void {
    const job = this.#ahead.get(id) ?? newJob(path, size, undefined);
    job.size = Math.max(job.size, size);
    this.#ahead.set(id, job);
    if (job.at < job.size) this.#queue(job);
  }

  /** Goes on where the hash ahead stands, and leaves that to whoever asks again. */
  #digestJob({ id, path, size }: HashedFile, ask: number): Job {
    const ahead = this.#ahead.get(id);
    if (!ahead || ahead.at > size) return newJob(path, size, ask);
    // The rest need not be hashed twice.
    ahead.size = ahead.at;
    return { ...newJob(path, size, ask), hasher: ahead.hasher.copy(), at: ahead.at };
  }

  #forget(id: string): void {
    const job = this.#ahead.get(id);
    if (!job) return;
    job.size = job.at;
    this.#ahead.delete(id);
  }

  /** What could not be read ahead is read again by who asks for the digest, and told the reason. */
  #drop(job: Job): void {
    for (const [id, known] of this.#ahead) if (known === job) this.#ahead.delete(id);
  }

  #queue(job: Job): void {
    if (job.isQueued) return;
    job.isQueued = true;
    this.#waiting.push(job);
  }

  /** The job's end, or undefined when it has more to do. */
  #advance(job: Job): Digested | undefined {
    try {
      const missing = this.#read(job, Math.min(job.size, job.at + STEP));
      if (missing) return { kind: "short", size: job.at };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return { kind: "failed", code, message };
    }
    if (job.at < job.size) return undefined;
    return { kind: "digest", sha256: job.ask === undefined ? "" : job.hasher.digest("hex") };
  }

  /** Hashes up to `end`; true when the file ends before. */
  #read(job: Job, end: number): boolean {
    const file = openSync(job.path, "r");
    try {
      while (job.at < end) {
        const length = readSync(file, this.#piece, 0, Math.min(PIECE, end - job.at), job.at);
        if (length === 0) return true;
        job.hasher.update(length === PIECE ? this.#piece : this.#piece.subarray(0, length));
        job.at += length;
      }
      return false;
    } finally {
      closeSync(file);
    }
  }
}

function newJob(path: string, size: number, ask: number | undefined): Job {
  return { path, size, ask, hasher: new Bun.CryptoHasher("sha256"), at: 0, isQueued: false };
}
