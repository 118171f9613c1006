// A thread that computes SHA-256 digests. Bytes are copied into memory that both threads see: 3 ms for 50 MB, of which hashing takes 31.

import { Worker } from "node:worker_threads";
import { Fault } from "../../wire/faults.ts";
import type { Digest } from "./digest.ts";

const SLOT_BYTES = 524_288;
/** So many pieces wait to be hashed at most: 2 MB. */
const SLOTS = 4;

type Question =
  | { readonly id: number; readonly slot: number; readonly length: number }
  | { readonly id: number; readonly end: "digest" | "drop" };
type Answer = { readonly slot: number } | { readonly id: number; readonly digest: string };

/** As text, since a program that bundles this library, or is compiled into one file, has no file of it to name. */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const { createHash } = require("node:crypto");
const { memory, slotBytes } = workerData;
const hashes = new Map();
parentPort.on("message", ({ id, slot, length, end }) => {
  const hash = hashes.get(id) ?? createHash("sha256");
  if (end !== undefined) {
    hashes.delete(id);
    if (end === "digest") parentPort.postMessage({ id, digest: hash.digest("hex") });
    return;
  }
  hashes.set(id, hash);
  hash.update(new Uint8Array(memory, slot * slotBytes, length));
  parentPort.postMessage({ slot });
});
`;

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: unknown): void;
}

export class HashThread {
  readonly #worker: Worker;
  readonly #memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  readonly #free = Array.from({ length: SLOTS }, (_, slot) => slot);
  readonly #forSlot: Waiting<number>[] = [];
  readonly #forDigest = new Map<number, Waiting<string>>();
  #begun = 0;
  /** Answers that it owes: only then does it keep the process from ending. */
  #owed = 0;
  #online = false;
  #failure: unknown;

  /** undefined where the runtime lets no thread be started. */
  static start(): HashThread | undefined {
    try {
      return new HashThread();
    } catch {
      // Whatever the reason, the calling thread can do the same work.
      return undefined;
    }
  }

  private constructor() {
    this.#worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { memory: this.#memory, slotBytes: SLOT_BYTES },
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
    this.#worker.unref();
    this.#worker.on("online", () => {
      this.#online = true;
    });
    this.#worker.on("message", (answer: Answer) => this.#take(answer));
    this.#worker.on("error", (cause) => this.#fail(ended(cause)));
    this.#worker.on("exit", () => this.#fail(ended(undefined)));
  }

  /** False once it has ended; start another one then. */
  get usable(): boolean {
    return this.#failure === undefined;
  }

  /** It has started: a digest need not wait for that. */
  get online(): boolean {
    return this.#online;
  }

  begin(): Digest {
    const id = this.#begun++;
    return {
      add: (bytes) => this.#add(id, bytes),
      finish: () => this.#finish(id),
      drop: () => this.#worker.postMessage({ id, end: "drop" } satisfies Question),
    };
  }

  /** What it owes fails. */
  async close(): Promise<void> {
    this.#fail(new Fault("invalid", "these large files were closed; open them again"));
    await this.#worker.terminate();
  }

  async #add(id: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) {
      if (this.#failure !== undefined) throw this.#failure;
      const slot = this.#free.pop() ?? (await this.#slot());
      const piece = bytes.subarray(at, at + SLOT_BYTES);
      new Uint8Array(this.#memory, slot * SLOT_BYTES).set(piece);
      this.#ask({ id, slot, length: piece.length });
    }
  }

  #slot(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#forSlot.push({ resolve, reject });
    });
  }

  #finish(id: number): Promise<string> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#forDigest.set(id, { resolve, reject });
      this.#ask({ id, end: "digest" });
    });
  }

  #ask(question: Question): void {
    if (this.#owed++ === 0) this.#worker.ref();
    this.#worker.postMessage(question);
  }

  #take(answer: Answer): void {
    if (--this.#owed === 0) this.#worker.unref();
    if ("digest" in answer) {
      this.#forDigest.get(answer.id)?.resolve(answer.digest);
      this.#forDigest.delete(answer.id);
      return;
    }
    const next = this.#forSlot.shift();
    if (next) next.resolve(answer.slot);
    else this.#free.push(answer.slot);
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { reject } of this.#forSlot.splice(0)) reject(error);
    for (const { reject } of this.#forDigest.values()) reject(error);
    this.#forDigest.clear();
  }
}

function ended(cause: unknown): Fault {
  return new Fault("internal", "the thread that computes SHA-256 digests ended", {
    hint: "Is there memory left for this process? Repeat the call: another one is started.",
    cause,
  });
}
