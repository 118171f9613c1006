// One memcached connection: bytes in, commands to the store in batches, replies out in order.
//
// Written for speed: all that arrived in a turn is one batch and is answered by one write; a command costs no promise.
// Memory is bounded: at most one batch is under way, further input waits in the inbox up to a bound and then in
// the kernel, and while a client does not read its replies nothing more is carried out for it.

import type { Socket } from "bun";
import { toFault } from "../../wire/faults.ts";
import {
  type Command,
  type ItemCommand,
  isLocal,
  isSilent,
  type LocalCommand,
} from "../../wire/memcached/commands.ts";
import { CommandParser } from "../../wire/memcached/parser.ts";
import type { Reply } from "../../wire/memcached/replies.ts";
import type { DoorContext } from "./context.ts";
import { Listing } from "./listing.ts";
import { REFUSALS } from "./refusals.ts";
import { statsLines } from "./stats.ts";

/** Bytes of values that one call to the store may answer; then they are sent before more is asked for. */
const REPLY_BUDGET = 262_144;
/** Bytes that wait to be parsed before the socket is paused. */
const INBOX_BOUND = 262_144;
/** What a waiting packet costs beside its bytes. */
const PACKET_COST = 200;

export class Session {
  readonly #socket: Socket<Session>;
  readonly #door: DoorContext;
  readonly #parser: CommandParser;
  /** Commands that were parsed; those from `#next` on are still to be carried out. */
  #batch: Command[] = [];
  #next = 0;
  /** Received and not yet parsed; of the first packet the bytes from `#position` on. */
  #inbox: Buffer[] = [];
  #inboxBytes = 0;
  #position = 0;
  #paused = false;
  /** Under way; nothing after it is answered before it has ended. */
  #listing: Listing | undefined;
  /** The store has not answered yet. */
  #waiting = false;
  /** Replies that the socket did not take. */
  #unsent: Buffer | undefined;
  /** Nothing more is read: close when everything is answered. */
  #ending = false;
  #closed = false;

  constructor(socket: Socket<Session>, door: DoorContext) {
    this.#socket = socket;
    this.#door = door;
    this.#parser = new CommandParser(door.limits);
  }

  receive(chunk: Buffer): void {
    if (this.#ending || this.#closed) return;
    this.#door.figures.bytesRead += chunk.length;
    this.#inbox.push(chunk);
    this.#inboxBytes += chunk.length + PACKET_COST;
    if (this.#waiting || this.#unsent) {
      if (this.#inboxBytes > INBOX_BOUND) this.#pause();
    } else {
      this.#advance();
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    const rest = this.#unsent;
    if (!rest || this.#closed) return;
    this.#unsent = undefined;
    this.#write(rest);
    if (!this.#unsent) this.#advance();
  }

  /** Answers what was received, then closes. */
  finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    if (!this.#waiting && !this.#unsent) this.#advance();
  }

  closed(): void {
    this.#closed = true;
    this.#inbox = [];
    this.#unsent = undefined;
    if (!this.#waiting) this.#batch = [];
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #advance(): void {
    while (!this.#waiting && !this.#unsent && !this.#closed) {
      if (this.#listing) {
        this.#list(this.#listing);
        break;
      }
      if (this.#next === this.#batch.length && !this.#parse()) break;
      this.#step();
      if (this.#door.out.length >= REPLY_BUDGET) this.#send();
    }
    this.#send();
    if (this.#waiting || this.#unsent || this.#closed) return;
    if (this.#ending) this.#socket.end();
    else this.#resume();
  }

  /** False when there is nothing left to be carried out. */
  #parse(): boolean {
    // An idle connection must not keep the packets that its last values are slices of.
    this.#batch = [];
    this.#next = 0;
    while (this.#batch.length === 0) {
      const chunk = this.#inbox[0];
      if (!chunk) return false;
      this.#position = this.#parser.parse(chunk, this.#position, this.#batch);
      if (this.#position >= chunk.length) {
        this.#inbox.shift();
        this.#inboxBytes -= chunk.length + PACKET_COST;
        this.#position = 0;
      }
    }
    return true;
  }

  /** Carries out the next local command, or all commands for the store up to it. */
  #step(): void {
    const first = this.#batch[this.#next] as Command;
    if (isLocal(first)) {
      this.#next++;
      this.#answer(first);
      return;
    }
    const run = this.#run();
    try {
      const replies = this.#door.kv.execute(run, REPLY_BUDGET);
      if (replies instanceof Promise) this.#await(run, replies);
      else this.#reply(run, replies);
    } catch (error) {
      this.#refuse(run, error);
    }
  }

  /** The commands for the store from `#next` on. */
  #run(): readonly ItemCommand[] {
    const batch = this.#batch;
    let end = this.#next;
    while (end < batch.length && !isLocal(batch[end] as Command)) end++;
    const all = this.#next === 0 && end === batch.length;
    return (all ? batch : batch.slice(this.#next, end)) as ItemCommand[];
  }

  #await(run: readonly ItemCommand[], replies: Promise<readonly Reply[]>): void {
    this.#waiting = true;
    replies.then(
      (answered) => this.#settle(() => this.#reply(run, answered)),
      (error) => this.#settle(() => this.#refuse(run, error)),
    );
  }

  #settle(answer: () => void): void {
    this.#waiting = false;
    if (this.#closed) return;
    answer();
    this.#advance();
  }

  #reply(run: readonly ItemCommand[], replies: readonly Reply[]): void {
    const { out, figures } = this.#door;
    for (let i = 0; i < replies.length; i++) {
      const command = run[i] as ItemCommand;
      const reply = replies[i] as Reply;
      figures.count(command, reply);
      out.reply(command, reply);
    }
    this.#next += replies.length;
  }

  /** Nothing of `run` was done. */
  #refuse(run: readonly ItemCommand[], error: unknown): void {
    const fault = toFault(error);
    this.#door.log.error("memcached.failed", {
      code: fault.code,
      error: fault.message,
      commands: run.length,
    });
    for (const command of run) {
      this.#door.figures.countFailure();
      if (!isSilent(command)) this.#door.out.line(REFUSALS[fault.code]);
    }
    this.#next += run.length;
  }

  #answer(command: LocalCommand): void {
    const { out, version } = this.#door;
    switch (command.kind) {
      case "line":
        if (!command.noreply) out.line(command.text);
        break;
      case "version":
        out.line(`VERSION ${version}`);
        break;
      case "stats":
        this.#answerStats(command.topic);
        break;
      case "list":
        this.#listing = new Listing(this.#door.kv, command);
        break;
      case "close":
        if (command.text !== "") out.line(command.text);
        this.#ending = true;
        this.#inbox = [];
        break;
    }
  }

  #answerStats(topic: string): void {
    this.#waiting = true;
    const { kv, out } = this.#door;
    kv.stats().then(
      (stored) =>
        this.#settle(() => {
          for (const line of statsLines(topic, this.#door.statsSource(), stored)) out.line(line);
        }),
      (error) => this.#settle(() => out.line(REFUSALS[toFault(error).code])),
    );
  }

  /** A page of it; the next one when this was sent. */
  #list(listing: Listing): void {
    this.#waiting = true;
    const { out } = this.#door;
    listing.next().then(
      (lines) =>
        this.#settle(() => {
          out.text(lines);
          if (listing.done) this.#listing = undefined;
        }),
      (error) =>
        this.#settle(() => {
          this.#listing = undefined;
          out.line(REFUSALS[toFault(error).code]);
        }),
    );
  }

  /** Sends what stands in the door's buffer, which holds replies of this session only. */
  #send(): void {
    const { out } = this.#door;
    if (out.length === 0) return;
    if (!this.#closed) this.#write(out.bytes);
    out.clear();
  }

  #write(bytes: Buffer): void {
    if (this.#unsent) {
      // What was answered while a reply waits for the socket: bounded by one batch's budget.
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
      return;
    }
    const taken = Math.max(0, this.#socket.write(bytes));
    this.#door.figures.bytesWritten += taken;
    if (taken < bytes.length) this.#unsent = Buffer.from(bytes.subarray(taken));
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }
}
