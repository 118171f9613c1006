// SHA-256 of files by a thread that lives as long as somebody waits for it, or it has hashed a part ahead.

import { Worker } from "node:worker_threads";
import {
  type Digested,
  type HashAnswer,
  type HashedFile,
  type Hashing,
  type HashRequest,
  startHashing,
} from "./hash-queue.ts";

interface Asked {
  readonly request: HashRequest;
  readonly resolve: (answer: Digested) => void;
}

/** Files of which a part is hashed ahead; of the one longest without news the part is forgotten, and hashed again when it is asked for. */
const MAX_AHEAD = 1000;

/** One thread for all files: more would only take the processors from the requests. */
export class FileDigests {
  readonly #thread: URL;
  #worker: Worker | undefined;
  #hashing: Hashing | undefined;
  #asks = 0;
  readonly #asked = new Map<number, Asked>();
  readonly #ahead = new Set<string>();

  /** `thread`: the module that answers in the thread. */
  constructor(thread = new URL("./digest-thread.ts", import.meta.url)) {
    this.#thread = thread;
  }

  /** The first `size` bytes of the file are final: they are hashed when there is time. */
  ahead(file: HashedFile): void {
    this.#ahead.delete(file.id);
    const [oldest] = this.#ahead.size >= MAX_AHEAD ? this.#ahead : [];
    if (oldest !== undefined) this.forget(oldest);
    this.#ahead.add(file.id);
    this.#send({ kind: "ahead", ...file });
  }

  digest(file: HashedFile): Promise<Digested> {
    const ask = this.#asks++;
    const request = { kind: "digest", ask, ...file } as const;
    return new Promise((resolve) => {
      this.#asked.set(ask, { request, resolve });
      this.#send(request);
    });
  }

  /** The file is hashed no further; a digest that was asked for is still answered. */
  forget(id: string): void {
    if (!this.#ahead.delete(id)) return;
    this.#send({ kind: "forget", id });
    this.#endIfIdle();
  }

  #send(request: HashRequest): void {
    this.#hashing ??= this.#start();
    this.#hashing.take(request);
    // A part that was hashed ahead keeps no program from ending.
    if (this.#asked.size > 0) this.#worker?.ref();
  }

  #start(): Hashing {
    const worker = new Worker(this.#thread);
    worker.unref();
    worker.on("message", (answer: HashAnswer) => this.#answer(answer));
    // A program compiled into one file has no module to start a thread from: slower for others, but no upload fails.
    worker.on("error", () => this.#goOnHere(worker));
    this.#worker = worker;
    return { take: (request) => worker.postMessage(request) };
  }

  #answer({ ask, ...answer }: HashAnswer): void {
    this.#asked.get(ask)?.resolve(answer);
    this.#asked.delete(ask);
    if (this.#asked.size === 0) this.#worker?.unref();
    this.#endIfIdle();
  }

  #goOnHere(worker: Worker): void {
    void worker.terminate();
    this.#worker = undefined;
    this.#hashing = startHashing((answer) => this.#answer(answer));
    for (const { request } of this.#asked.values()) this.#hashing.take(request);
  }

  /** A thread costs some megabytes, and large uploads are rare. */
  #endIfIdle(): void {
    if (!this.#worker || this.#asked.size + this.#ahead.size > 0) return;
    void this.#worker.terminate();
    this.#worker = undefined;
    this.#hashing = undefined;
  }
}
