// What a session has received and not yet carried out: packets, and the commands of the last that was parsed.
//
// Written for speed: what comes while nothing waits, as nearly always, is parsed at once, into an array that is used again.

import { type Command, type ItemCommand, isLocal } from "../../wire/memcached/commands.ts";

interface Parser {
  parse(chunk: Buffer, from: number, into: Command[]): number;
}

interface Source {
  pause(): void;
  resume(): void;
}

/** What a waiting packet costs beside its bytes. */
const PACKET_COST = 200;
/** Bytes that may wait before the socket is paused. */
const BOUND = 262_144;

export class Inbox {
  readonly #source: Source;
  #paused = false;
  #packets: Buffer[] = [];
  #bytes = 0;
  /** Of the first packet the bytes from here on are still to be parsed. */
  #position = 0;
  /** Those from `#next` on are still to be carried out. */
  #batch: Command[] = [];
  #next = 0;

  constructor(source: Source) {
    this.#source = source;
  }

  /** No packet waits. */
  get isEmpty(): boolean {
    return this.#packets.length === 0;
  }

  /** Takes a packet while something waits: when it is enough, the socket is paused. */
  push(packet: Buffer): void {
    this.#keep(packet);
    if (this.#bytes <= BOUND || this.#paused) return;
    this.#paused = true;
    this.#source.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  /** Up to `most` of the bytes that wait, unparsed, as they came; when all are taken more may come. */
  take(most: number): Buffer[] {
    const taken: Buffer[] = [];
    let left = most;
    for (let packet = this.#packets[0]; packet && left > 0; packet = this.#packets[0]) {
      const piece = packet.subarray(this.#position, this.#position + left);
      taken.push(piece);
      left -= piece.length;
      this.#position += piece.length;
      if (this.#position === packet.length) this.#shift(packet);
    }
    if (this.isEmpty) this.resume();
    return taken;
  }

  /** Takes a packet while nothing waits: everything before it is carried out. */
  receive(packet: Buffer, parser: Parser): void {
    this.#begin();
    const position = parser.parse(packet, 0, this.#batch);
    if (position >= packet.length) return;
    this.#keep(packet);
    this.#position = position;
  }

  /** What is to be carried out next; undefined: nothing waits but what the parser holds. */
  first(parser: Parser): Command | undefined {
    if (this.#next === this.#batch.length) this.#parse(parser);
    return this.#batch[this.#next];
  }

  /** From the first on, the commands that are for the store. Valid until they are `done`. */
  run(): readonly ItemCommand[] {
    const batch = this.#batch;
    let end = this.#next;
    while (end < batch.length && !isLocal(batch[end] as Command)) end++;
    return (this.#next === 0 && end === batch.length ? batch : batch.slice(this.#next, end)) as ItemCommand[];
  }

  /** So many of them are carried out. */
  done(count: number): void {
    this.#next += count;
    // An idle connection must not keep the packets that its last values are places in.
    if (this.#next === this.#batch.length) this.#begin();
  }

  /** What was given to the store stays as it is. */
  clear(): void {
    this.#packets = [];
    this.#bytes = 0;
    this.#position = 0;
    this.#batch = [];
    this.#next = 0;
  }

  #parse(parser: Parser): void {
    this.#begin();
    while (this.#batch.length === 0) {
      const packet = this.#packets[0];
      if (!packet) return;
      this.#position = parser.parse(packet, this.#position, this.#batch);
      if (this.#position >= packet.length) this.#shift(packet);
    }
  }

  #keep(packet: Buffer): void {
    this.#packets.push(packet);
    this.#bytes += packet.length + PACKET_COST;
  }

  #shift(packet: Buffer): void {
    this.#packets.shift();
    this.#bytes -= packet.length + PACKET_COST;
    this.#position = 0;
  }

  #begin(): void {
    if (this.#batch.length > 0) this.#batch.length = 0;
    this.#next = 0;
  }
}
