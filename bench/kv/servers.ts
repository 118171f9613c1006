// The servers of the kv benchmark, one after the other in the same conditions: pinned to one core, on free ports.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Server extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly protocol: "memcached" | "redis";
  /** ms from its start to the first answer. */
  readonly startMs: number;
  /** MB of resident memory. */
  memory(): Promise<number>;
  /** MB of it at most so far. */
  peak(): Promise<number>;
  /** By SIGKILL. Disposing of it waits for its end. */
  kill(): void;
}

const CAIRN = fileURLToPath(new URL("../../bin/cairn", import.meta.url));
const SERVER_CORE = "0";

/** `folder`: of an earlier run, to start on its database again; it is then the caller's to remove. */
export async function startCairn(
  sync: "full" | "normal",
  flags: readonly string[] = [],
  folder?: string,
): Promise<Server> {
  const port = await freePort();
  const own = folder ?? temporary();
  const ports = [
    "--memcached-port",
    String(port),
    "--http-port",
    "off",
    "--image-port",
    "off",
    "--merge-port",
    "off",
  ];
  const args = ["serve", join(own, "bench.sqlite"), ...ports, "--workers", "0", "--sync", sync, ...flags];
  return await start(
    `Cairn ${sync}`,
    [CAIRN, ...args],
    port,
    "memcached",
    folder === undefined ? own : undefined,
  );
}

export async function startMemcached(): Promise<Server> {
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ["-u", "root"] : [];
  const command = ["memcached", "-t", "1", "-m", "1024", "-l", "127.0.0.1", "-p", String(port), ...user];
  return await start("memcached", command, port, "memcached", undefined);
}

export async function startRedis(sync: "everysec" | "always"): Promise<Server> {
  const port = await freePort();
  const folder = temporary();
  const persistence = ["--save", "", "--appendonly", "yes", "--appendfsync", sync, "--dir", folder];
  return await start(
    `Redis ${sync}`,
    ["redis-server", "--port", String(port), ...persistence],
    port,
    "redis",
    folder,
  );
}

export function temporary(): string {
  return mkdtempSync(join(tmpdir(), "cairn-bench-"));
}

async function start(
  name: string,
  command: readonly string[],
  port: number,
  protocol: Server["protocol"],
  folder: string | undefined,
): Promise<Server> {
  const startedAt = performance.now();
  const child = Bun.spawn(["taskset", "-c", SERVER_CORE, ...command], { stdout: "ignore", stderr: "ignore" });
  while (!(await answers(port))) {
    if (child.exitCode !== null)
      throw new Error(`${name} ended with ${child.exitCode}: ${command.join(" ")}`);
    await Bun.sleep(2);
  }
  const startMs = performance.now() - startedAt;
  return {
    ...{ name, port, protocol, startMs, pid: child.pid },
    memory: () => statusOf(child.pid, "VmRSS"),
    peak: () => statusOf(child.pid, "VmHWM"),
    kill: () => child.kill("SIGKILL"),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.exited;
      if (folder !== undefined && existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** All that was set is in SQLite: a listing does not begin before. */
export async function settled(server: Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let text = "";
    void Bun.connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        open: (socket) => void socket.write("stats cachedump 1 1\r\n"),
        data: (socket, chunk) => {
          text += chunk.toString();
          if (text.endsWith("END\r\n")) resolve(void socket.end());
        },
        connectError: (_socket, error) => reject(error),
      },
    });
  });
}

/** MB */
async function statusOf(pid: number, name: string): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1_024;
}

async function answers(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    // Not listening yet.
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
