// The real program: `cairn serve` on free ports and a folder of its own, as a user starts it.

import { CAIRN, type Exit, Program } from "./processes.ts";

export interface CairnOptions {
  /** The database file; the data folder stands beside it. */
  readonly database: string;
  readonly flags?: readonly string[];
  /** What is started; default the launcher of this checkout. */
  readonly command?: readonly string[];
}

/** A running server. `await using` ends it with SIGTERM; `kill` ends it as a crash would. */
export class Cairn implements AsyncDisposable {
  readonly program: Program;
  readonly memcached: string;
  readonly http: string;
  readonly image: string;
  readonly merge: string;

  /** Resolves when the banner is printed: from then on every door answers. */
  static async start({ database, flags = [], command = [CAIRN] }: CairnOptions): Promise<Cairn> {
    const ports = ["memcached", "http", "image", "merge"].flatMap((door) => [`--${door}-port`, "0"]);
    const program = await Program.start([...command, "serve", database, ...ports, ...flags]);
    try {
      const address = async (label: string) =>
        (await program.untilLine(new RegExp(`^ *${label} +(\\S+)`, "m")))[1] ?? "";
      return new Cairn(program, {
        memcached: await address("memcached"),
        http: new URL(await address("dashboard")).origin,
        image: new URL(await address("images")).origin,
        merge: new URL(await address("merges")).origin,
      });
    } catch (error) {
      await program.end("SIGKILL");
      throw error;
    }
  }

  private constructor(program: Program, doors: Record<"memcached" | "http" | "image" | "merge", string>) {
    this.program = program;
    this.memcached = doors.memcached;
    this.http = doors.http;
    this.image = doors.image;
    this.merge = doors.merge;
  }

  get pid(): number {
    return this.program.pid;
  }

  stop(): Promise<Exit> {
    return this.program.end("SIGTERM");
  }

  kill(): Promise<Exit> {
    return this.program.end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
