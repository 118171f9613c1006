// Runs a tool to its end with its output captured, so that tools can run side by side and still be read.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface Run {
  /** 0 only if the tool ended by itself and said so. */
  readonly code: number;
  /** Standard output and standard error, in the order they arrived. */
  readonly output: string;
  readonly ms: number;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Killed after this time; the output says so. */
  readonly limitMs?: number;
}

const running = new Set<ChildProcess>();

/** Runs in the repository's folder. A tool that cannot be started is a run with code 127 and the reason as output. */
export function run(command: readonly string[], options: RunOptions = {}): Promise<Run> {
  const started = performance.now();
  const [file = "", ...args] = command;
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(file, args, {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      // In a process group of its own, so that it can be ended with all that it has started.
      detached: true,
    });
    running.add(child);
    const limit = options.limitMs ?? 600_000;
    const timer = setTimeout(() => {
      output += `\nstopped: it had not ended after ${limit / 1000} s\n`;
      endGroup(child, "SIGKILL");
    }, limit);
    const finish = (code: number) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, output, ms: performance.now() - started });
    };
    const read = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", read);
    child.stderr.setEncoding("utf8").on("data", read);
    child.once("error", (error) => {
      output += `${file}: ${error.message}\n`;
      finish(127);
    });
    child.once("close", (code, signal) => {
      if (signal) output += `\n${file}: ended by ${signal}\n`;
      finish(code ?? 128);
    });
  });
}

/** Ends with what it started when it is interrupted. */
export function stopOnSignal(): void {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => {
      for (const child of running) endGroup(child, "SIGTERM");
      process.exit(128 + number);
    });
  }
}

function endGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Gone already.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** `12.3 s`, for people. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
