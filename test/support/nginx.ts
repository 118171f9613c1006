// nginx on a folder of files: what downloads are compared with, and measured against.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { Program } from "./processes.ts";
import { until } from "./until.ts";

export interface Nginx extends AsyncDisposable {
  readonly origin: string;
  readonly pid: number;
}

/** As it is usually set up for files: one worker, sendfile, no log. `extra`: more lines for its server. */
export async function startNginx(folder: string, root: string, extra = ""): Promise<Nginx> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  // Its workers would otherwise be another user, who may not read a temporary folder.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const config = `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; client_body_temp_path ${folder};
  proxy_temp_path ${folder}; fastcgi_temp_path ${folder}; uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen 127.0.0.1:${port} backlog=4096; root ${root}; ${extra} } }`;
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
