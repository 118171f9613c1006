// The servers that are measured, each started in a folder of its own and ended with it.

import { readFile } from "node:fs/promises";
import { BUN, Program, ROOT } from "../../test/support/processes.ts";

export interface Rival extends AsyncDisposable {
  readonly origin: string;
  readonly pid: number;
}

/** A script of `bench/` that prints `port N`. */
export async function startScript(name: string, ...args: string[]): Promise<Rival> {
  const program = await Program.start([BUN, `${ROOT}bench/${name}.ts`, ...args]);
  const [, port] = await program.untilLine(/^port (\d+)$/m);
  return {
    origin: `http://127.0.0.1:${port}`,
    pid: program.pid,
    [Symbol.asyncDispose]: async () => {
      await program.end();
    },
  };
}

/** The most memory that a process has had resident, in bytes. */
export async function peakMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
