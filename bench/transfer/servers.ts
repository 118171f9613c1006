// The servers that are measured, each started in a folder of its own and ended with it.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../test/support/ports.ts";
import { BUN, Program, ROOT } from "../../test/support/processes.ts";
import { until } from "../../test/support/until.ts";

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

/** nginx as it is usually set up for files: one worker, sendfile, no log. */
export async function startNginx(folder: string, root: string): Promise<Rival> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  // Its workers would otherwise be another user, who may not read a temporary folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const config = `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path ${folder};
  proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port} backlog=4096; root ${root}; } }`;
  await writeFile(join(folder, "nginx.conf"), config);
  const program = await Program.start(["nginx", "-c", join(folder, "nginx.conf")]);
  const origin = `http://127.0.0.1:${port}`;
  await until("nginx answers", () => fetch(origin));
  return {
    origin,
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
