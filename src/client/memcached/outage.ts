// Servers that do not answer while a file is read: what they hold counts as missing, as long as one of them answers.

import { ServerUnreachable } from "./errors.ts";
import type { Servers } from "./servers.ts";

export class Outage {
  readonly #servers: Servers;
  readonly #down = new Map<string, ServerUnreachable>();

  constructor(servers: Servers) {
    this.#servers = servers;
  }

  /** Rethrows what is no outage of a server, and the last outage when no server is left. */
  note(error: unknown): void {
    if (!(error instanceof ServerUnreachable)) throw error;
    this.#down.set(error.server, error);
    if (this.#down.size === this.#servers.all.length) throw error;
  }

  get first(): ServerUnreachable | undefined {
    return [...this.#down.values()][0];
  }

  /** For a hint; undefined when all answered. */
  get text(): string | undefined {
    if (this.#down.size === 0) return undefined;
    return `What is on ${[...this.#down.keys()].join(", ")} counts as missing, because ${this.first?.message}.`;
  }
}
