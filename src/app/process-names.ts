// Names of the processes that share a data folder: each tells of another, by its name, whether it is alive.

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * `host:pid:boot.namespace.start`: a pid alone means nothing in another container, although the host name may be the same
 * there, and little after a restart, which gives the same pids again. Without /proc it is `host:pid`.
 */
export function processName(pid: number = process.pid): string {
  const [boot, namespace, start] = [bootId(), pidNamespace(), statOf(pid)?.start];
  const known = boot !== undefined && namespace !== undefined && start !== undefined;
  return `${hostname()}:${pid}${known ? `:${boot}.${namespace}.${start}` : ""}`;
}

export type Life = "alive" | "dead" | "unknown";

const NAME = /^(?<host>.*?):(?<pid>\d+)(?::(?<boot>[0-9a-f]{8})\.(?<namespace>\d+)\.(?<start>\d+))?$/;

/** Only of processes that would be seen from here something is known, and of those of this machine before it was started again. */
export function lifeOf(name: string): Life {
  const { host, pid, boot, namespace, start } = NAME.exec(name)?.groups ?? {};
  if (pid === undefined) return "unknown";
  if (boot === undefined) return host === hostname() ? lifeOfPid(Number(pid)) : "unknown";
  // The files of SQLite's WAL are of one machine, so what ran on it before it was started again is gone.
  if (boot !== bootId()) return host === hostname() ? "dead" : "unknown";
  if (namespace !== pidNamespace()) return "unknown";
  return lifeOfPid(Number(pid), start);
}

/** `start`: when it was started, if that is known: another process may have the pid by now. */
function lifeOfPid(pid: number, start?: string): Life {
  const stat = statOf(pid);
  if (stat) return stat.hasEnded || (start !== undefined && stat.start !== start) ? "dead" : "alive";
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    // A process of another user exists, too.
    return (error as NodeJS.ErrnoException).code === "ESRCH" ? "dead" : "alive";
  }
}

/** man 5 proc_pid_stat; `start` in ticks since the boot. One that nobody has asked how it ended has ended nonetheless. */
function statOf(pid: number): { readonly start: string; readonly hasEnded: boolean } | undefined {
  try {
    // The name, which may hold anything, is in parentheses; the state comes behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    const [state = "", start] = [fields[0], fields[19]];
    return start === undefined ? undefined : { start, hasEnded: /[ZX]/.test(state) };
  } catch {
    // Another kind of system, or it is gone.
    return undefined;
  }
}

let boot: string | undefined;

function bootId(): string | undefined {
  boot ??= readOr(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").slice(0, 8));
  return boot;
}

function pidNamespace(): string | undefined {
  return readOr(() => /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0]);
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // another kind of system
  }
}
