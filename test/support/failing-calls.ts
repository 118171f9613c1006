// A disk that fails for a while: strace lets system calls of a running process fail, as the kernel would report it.

import { test } from "bun:test";
import { Program } from "./processes.ts";

/** Root may attach to any process; strace must be there, and allowed to trace. */
const mayTrace =
  process.getuid?.() === 0 &&
  Bun.which("strace") !== null &&
  Bun.spawnSync(["strace", "-o", "/dev/null", "true"]).exitCode === 0;

/** A test that needs strace; elsewhere it is skipped, and its name says why. */
export function tracedTest(name: string, run: () => Promise<void>, timeoutMs = 60_000): void {
  if (mayTrace) test(name, run, timeoutMs);
  else test.skip(`${name} (skipped: needs strace, and root to attach it)`, run);
}

export interface FailingCalls {
  /** Names of system calls, with commas: `fsync,fdatasync`. */
  readonly calls: string;
  /** `EIO`, or how often as well: `EIO:when=2+3`. */
  readonly error: string;
  /** Only calls on these paths; default: all. */
  readonly paths?: readonly string[];
}

/** From when it resolves until it is disposed of, these calls of all threads of `pid` fail. */
export async function failCalls(
  pid: number,
  { calls, error, paths = [] }: FailingCalls,
): Promise<AsyncDisposable> {
  const filter = paths.flatMap((path) => ["-P", path]);
  const inject = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=${error}`, ...filter];
  const strace = await Program.start(["strace", "-f", ...inject, "-o", "/dev/null", "-p", String(pid)]);
  await strace.untilLine(/attached/);
  return { [Symbol.asyncDispose]: async () => void (await strace.end("SIGINT")) };
}
