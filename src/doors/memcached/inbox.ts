// What a session has received and not yet parsed.

import type { Command } from "../../wire/memcached/commands.ts";

interface Parser {
  parse(chunk: Buffer, from: number, into: Command[]): number;
}

/** What a waiting packet costs beside its bytes. */
const PACKET_COST = 200;

export class Inbox {
  #packets: Buffer[] = [];
  #bytes = 0;
  /** Of the first packet the bytes from here on are still to be parsed. */
  #position = 0;

  /** What waits, and what it costs. */
  get bytes(): number {
    return this.#bytes;
  }

  push(packet: Buffer): void {
    this.#packets.push(packet);
    this.#bytes += packet.length + PACKET_COST;
  }

  /** The next commands; none: nothing waits but what the parser holds. */
  parse(parser: Parser): Command[] {
    const batch: Command[] = [];
    while (batch.length === 0) {
      const packet = this.#packets[0];
      if (!packet) break;
      this.#position = parser.parse(packet, this.#position, batch);
      if (this.#position >= packet.length) {
        this.#packets.shift();
        this.#bytes -= packet.length + PACKET_COST;
        this.#position = 0;
      }
    }
    return batch;
  }

  clear(): void {
    this.#packets = [];
    this.#bytes = 0;
    this.#position = 0;
  }
}
