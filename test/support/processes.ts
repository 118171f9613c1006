// Starting real programs, waiting for a line they print, and ending them by their own process id.

import { fileURLToPath } from "node:url";
import type { ReadableSubprocess } from "bun";

/** The repository's folder, for programs and fixtures in it. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The launcher of the product, and the Bun beside it. */
export const CAIRN = `${ROOT}bin/cairn`;
export const BUN = process.execPath;

export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to this process's environment; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface Exit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running program. `await using` ends it; so does `end`. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended and all its output was read. */
  readonly exited: Promise<Exit>;
  readonly #child: ReadableSubprocess;
  #output = "";
  #stdout = "";
  #ended = false;
  readonly #checks = new Set<() => void>();

  /** Starts `command[0]`, found in PATH or by path, in a process of its own. Rejects if it cannot be started. */
  static async start(command: readonly string[], options: ProgramOptions = {}): Promise<Program> {
    const child = Bun.spawn([...command], {
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Program(command.join(" "), child);
  }

  private constructor(name: string, child: ReadableSubprocess) {
    this.name = name;
    this.#child = child;
    this.pid = child.pid;
    const reading = [
      this.#read(child.stdout, (text) => {
        this.#stdout += text;
      }),
      this.#read(child.stderr, () => undefined),
    ];
    this.exited = child.exited.then(async () => {
      await Promise.all(reading);
      this.#ended = true;
      this.#check();
      return { code: child.exitCode, signal: nameOf(child.signalCode) };
    });
  }

  /** Standard output and standard error so far, in the order they arrived. */
  get output(): string {
    return this.#output;
  }

  get stdout(): string {
    return this.#stdout;
  }

  /**
   * The first match of `pattern` in the whole lines of the output, past or to come. Throws when the program
   * ends, or `timeoutMs` pass, before that.
   */
  untilLine(pattern: RegExp, timeoutMs = 20_000): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.#checks.delete(check);
        settle();
      };
      const fail = (why: string) =>
        finish(() =>
          reject(new Error(`${this.name}: ${why} before ${pattern}; it printed:\n${this.#output}`)),
        );
      const check = () => {
        const lines = this.#ended ? this.#output : this.#output.slice(0, this.#output.lastIndexOf("\n") + 1);
        const match = lines.match(pattern);
        if (match) finish(() => resolve(match));
        else if (this.#ended) fail("ended");
      };
      const timer = setTimeout(() => fail(`${timeoutMs} ms passed`), timeoutMs);
      this.#checks.add(check);
      check();
    });
  }

  /** Sends `signal` and waits for the end; after `patienceMs` it is killed. */
  async end(signal: NodeJS.Signals = "SIGTERM", patienceMs = 10_000): Promise<Exit> {
    if (this.#ended) return this.exited;
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patienceMs);
    this.#child.kill(signal);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** Sends SIGKILL and does not wait. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  async #read(stream: ReadableStream<Uint8Array>, keep: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of stream) {
      const text = decoder.decode(piece, { stream: true });
      keep(text);
      this.#output += text;
      this.#check();
    }
  }

  #check(): void {
    for (const check of [...this.#checks]) check();
  }
}

/** The processes that `pid` has started and that still run. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const children = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
  return children.split(" ").filter(Boolean).map(Number);
}

/** Runs a program to its end. */
export async function run(
  command: readonly string[],
  options: ProgramOptions & { readonly timeoutMs?: number } = {},
): Promise<Exit & { readonly output: string; readonly stdout: string }> {
  const program = await Program.start(command, options);
  const timer = setTimeout(() => program.kill(), options.timeoutMs ?? 60_000);
  const exit = await program.exited;
  clearTimeout(timer);
  return { ...exit, output: program.output, stdout: program.stdout };
}

function nameOf(signal: NodeJS.Signals | number | null): NodeJS.Signals | null {
  if (typeof signal === "number") throw new Error(`Bun told a signal by its number, ${signal}`);
  return signal;
}
