// A stock memcached (Debian's) on a free port, for tests that need the real peer.

import { freePort, listens } from "./ports.ts";
import { Program } from "./processes.ts";
import { until } from "./until.ts";

const ATTEMPTS = 5;

/** A running memcached. `await using` ends it by its process id; `kill` ends it as a crash would. */
export class MemcachedServer implements AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string;
  readonly port: number;
  readonly program: Program;

  /** `flags` as on its command line: `["-m", "8"]`. Resolves when it answers. */
  static async start(flags: readonly string[] = []): Promise<MemcachedServer> {
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const user = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
      const program = await Program.start([
        "memcached",
        ...["-l", "127.0.0.1", "-p", String(port), "-U", "0"],
        ...user,
        ...flags,
      ]);
      let ended = false;
      void program.exited.then(() => {
        ended = true;
      });
      await until(`memcached answers on ${port}`, async () => ended || (await listens(port)));
      if (!ended) return new MemcachedServer(port, program);
      // Somebody else took the port meanwhile, or the flags are wrong.
      if (attempt === ATTEMPTS) throw new Error(`memcached did not start: ${program.output}`);
    }
  }

  private constructor(port: number, program: Program) {
    this.port = port;
    this.address = `127.0.0.1:${port}`;
    this.program = program;
  }

  async kill(): Promise<void> {
    await this.program.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // It keeps nothing, and would take up to a second to notice SIGTERM.
    await this.kill();
  }
}

export function startMemcached(flags: readonly string[] = []): Promise<MemcachedServer> {
  return MemcachedServer.start(flags);
}
