// SHA-256 of files by a thread that lives as long as somebody waits for it.

import { type DigestAnswer, type DigestRequest, digestSteps } from "./digest-thread.ts";

interface Asked {
  readonly request: DigestRequest;
  readonly resolve: (answer: DigestAnswer | Promise<DigestAnswer>) => void;
}

/** Files are hashed one after the other: more threads would only take the processors from the requests. */
export class FileDigests {
  readonly #thread: URL;
  #worker: Worker | undefined;
  readonly #asked: Asked[] = [];

  /** `thread`: the module that answers in the thread. */
  constructor(thread = new URL("./digest-thread.ts", import.meta.url)) {
    this.#thread = thread;
  }

  ask(request: DigestRequest): Promise<DigestAnswer> {
    const worker = this.#worker ?? this.#start();
    return new Promise((resolve) => {
      this.#asked.push({ request, resolve });
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    const worker = new Worker(this.#thread);
    worker.onmessage = ({ data }: MessageEvent<DigestAnswer>) => {
      this.#asked.shift()?.resolve(data);
      if (this.#asked.length === 0) this.#end(worker);
    };
    // A program compiled into one file has no module to start a thread from: slower for others, but no upload fails.
    worker.onerror = () => {
      this.#end(worker);
      for (const { request, resolve } of this.#asked.splice(0)) resolve(digestInTurns(request));
    };
    this.#worker = worker;
    return worker;
  }

  /** A thread costs some megabytes, and most uploads are hashed as they come. */
  #end(worker: Worker): void {
    this.#worker = undefined;
    worker.terminate();
  }
}

/** On the calling thread, whose other work gets its turn after every step. */
async function digestInTurns(request: DigestRequest): Promise<DigestAnswer> {
  const steps = digestSteps(request);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
