// One memcached connection: bytes in, commands to the store in batches, replies out in order.
//
// Written for speed: all that arrived in a turn is one batch and is answered by one write; a command costs no promise.
// Memory is bounded: at most one batch is under way, further input waits in the inbox up to a bound and then in
// the kernel, and while a client does not read its replies nothing more is carried out for it.

import type { Socket } from "bun";
import type { PendingReplies } from "../../ports/kv.ts";
import { toFault } from "../../wire/faults.ts";
import { AuthGate } from "../../wire/memcached/auth-gate.ts";
import {
  type Command,
  type ItemCommand,
  isLocal,
  type LocalCommand,
  type StoreHead,
  storeCommand,
} from "../../wire/memcached/commands.ts";
import { CommandParser } from "../../wire/memcached/parser.ts";
import type { Reply } from "../../wire/memcached/replies.ts";
import { Answers } from "./answers.ts";
import { authenticate, WELCOME } from "./authentication.ts";
import type { DoorContext } from "./context.ts";
import { Inbox } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import { Listing } from "./listing.ts";
import { Outlet } from "./outlet.ts";
import { REFUSALS } from "./refusals.ts";
import { statsLines, storedFor } from "./stats.ts";

/** Bytes of values that one call to the store may answer; then they are sent before more is asked for. */
const REPLY_BUDGET = 262_144;

const NOTHING: readonly ItemCommand[] = [];
const NO_VALUE = new Uint8Array(0);

/** Without a session it was refused and is about to close. */
export type SessionSocket = Socket<Session | undefined>;

export class Session {
  /** Counts up from 1, by door. */
  readonly id: number;
  /** Where it came in: `tcp:127.0.0.1:11211`. */
  readonly where: string;
  readonly #socket: SessionSocket;
  readonly #door: DoorContext;
  #parser: CommandParser | AuthGate;
  /** When bytes last moved; ms since 1970. */
  lastActive: number;
  readonly #inbox: Inbox;
  /** A large value that is being received: what arrives is part of it. */
  #incoming: Incoming | undefined;
  /** Under way; nothing after it is answered before it has ended. */
  #listing: Listing | undefined;
  /** The store has not answered yet. */
  #waiting = false;
  /** What it was given. */
  #given: readonly ItemCommand[] = NOTHING;
  // Made once a connection, not for each batch.
  readonly #onReplies = (replies: readonly Reply[]) => {
    if (this.#endsWaiting()) this.#reply(this.#given, replies);
    this.#goOn();
  };
  readonly #onFault = (error: unknown) => {
    if (this.#endsWaiting()) this.#refuse(this.#given, error);
    this.#goOn();
  };
  readonly #answers: Answers;
  readonly #outlet: Outlet;
  /** Nothing more is read: close when everything is answered. */
  #ending = false;
  #closed = false;

  constructor(socket: SessionSocket, door: DoorContext, id: number, where: string) {
    this.#socket = socket;
    this.#door = door;
    this.#inbox = new Inbox(socket);
    this.#answers = new Answers(door);
    this.#outlet = new Outlet(socket, door.figures, {
      ready: () => this.drain(),
      failed: (error) => this.#breakOff(error),
    });
    this.id = id;
    this.where = where;
    this.#parser = door.credentials() ? new AuthGate() : new CommandParser(door.limits);
    this.lastActive = door.clock.now();
  }

  /** `tcp:ADDRESS:PORT` of the client; a Unix socket has none. */
  get peer(): string {
    const { remoteAddress, remotePort } = this.#socket;
    return this.where.startsWith("unix:") ? "unix" : `tcp:${remoteAddress}:${remotePort}`;
  }

  /** One of memcached's names for what it is doing. */
  get state(): string {
    if (this.#outlet.full) return "conn_mwrite";
    return this.#waiting || this.#listing ? "conn_io_pending" : "conn_read";
  }

  /** Nothing came in or went out since that time, and it waits for nothing of ours. */
  isIdleSince(time: number): boolean {
    return this.lastActive < time && (!this.#waiting || this.#incoming?.isStarved === true);
  }

  receive(chunk: Buffer): void {
    if (this.#ending || this.#closed) return;
    this.lastActive = this.#door.clock.now();
    this.#door.figures.bytesRead += chunk.length;
    if (this.#waiting || this.#outlet.full) {
      this.#inbox.push(chunk);
      this.#incoming?.arrived();
    } else {
      this.#inbox.receive(chunk, this.#parser);
      this.#advance();
    }
  }

  /** The socket takes bytes again. */
  drain(): void {
    if (this.#closed || !this.#outlet.full) return;
    this.lastActive = this.#door.clock.now();
    this.#outlet.drain();
    if (!this.#outlet.full) this.#advance();
  }

  /** Answers what was received, then closes. */
  finish(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#incoming?.end();
    if (!this.#waiting && !this.#outlet.full) this.#advance();
  }

  closed(): void {
    this.#closed = true;
    this.#incoming?.end();
    this.#inbox.clear();
    this.#outlet.clear();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #advance(): void {
    while (!this.#waiting && !this.#outlet.full && !this.#closed) {
      if (this.#listing) {
        this.#list(this.#listing);
        break;
      }
      const command = this.#inbox.first(this.#parser);
      if (!command) break;
      this.#step(command);
      if (this.#door.out.length >= REPLY_BUDGET) this.#send();
    }
    this.#send();
    if (this.#waiting || this.#outlet.full || this.#closed) return;
    if (this.#ending) this.#socket.end();
    else this.#inbox.resume();
  }

  /** Carries out a local command, or all commands for the store from `first` to the next of those. */
  #step(first: Command): void {
    if (isLocal(first)) {
      if (first.kind === "large") {
        this.#receive(first.head);
        return;
      }
      this.#inbox.done(1);
      this.#answer(first);
      return;
    }
    const run = this.#inbox.run();
    try {
      const replies = this.#door.kv.execute(run, REPLY_BUDGET);
      if (isPending(replies)) this.#await(run, replies);
      else this.#reply(run, replies);
    } catch (error) {
      this.#refuse(run, error);
    }
  }

  #await(run: readonly ItemCommand[], replies: PendingReplies): void {
    this.#waiting = true;
    this.#given = run;
    replies.then(this.#onReplies, this.#onFault);
  }

  /** Whether there is somebody to be answered. */
  #endsWaiting(): boolean {
    this.#waiting = false;
    this.#incoming = undefined;
    return !this.#closed;
  }

  #goOn(): void {
    this.#given = NOTHING;
    if (!this.#closed) this.#advance();
  }

  #reply(run: readonly ItemCommand[], replies: readonly Reply[]): void {
    this.#answers.write(run, replies);
    this.#inbox.done(replies.length);
  }

  /** Nothing of `run` was done. */
  #refuse(run: readonly ItemCommand[], error: unknown): void {
    this.#answers.refuse(run, error);
    this.#inbox.done(run.length);
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
      case "auth":
        this.#later(authenticate(this.#door, command, this.peer), (line) => {
          if (line === WELCOME) this.#parser = new CommandParser(this.#door.limits);
          out.line(line);
        });
        break;
      case "close":
        if (command.text !== "") out.line(command.text);
        this.#ending = true;
        this.#inbox.clear();
        break;
    }
  }

  /** Takes a large value out of what arrives. */
  #receive(head: StoreHead): void {
    this.#incoming = new Incoming(this.#door.kv, head, this.#inbox);
    this.#await([storeCommand(head, NO_VALUE)], this.#incoming.store());
  }

  /** A reply that has begun cannot be ended as it should. */
  #breakOff(error: unknown): void {
    const { code, message } = toFault(error);
    this.#door.log.error("memcached.broken-off", { code, error: message });
    this.terminate();
  }

  #answerStats(topic: string): void {
    this.#later(storedFor(topic, this.#door.kv), (stored) => {
      for (const line of statsLines(topic, this.#door.statsSource(), stored)) this.#door.out.line(line);
    });
  }

  /** A page of it; the next one when this was sent. */
  #list(listing: Listing): void {
    this.#later(listing.next(), (lines) => {
      this.#door.out.text(lines);
      if (listing.done) this.#listing = undefined;
    });
  }

  /** Nothing else is carried out for this connection until `work` is done and answered. */
  #later<T>(work: Promise<T>, answer: (value: T) => void): void {
    this.#waiting = true;
    work.then(
      (value) => {
        if (this.#endsWaiting()) answer(value);
        this.#goOn();
      },
      (error) => {
        this.#listing = undefined;
        const code = this.#door.failures.report(error, 1);
        if (this.#endsWaiting()) this.#door.out.line(REFUSALS[code]);
        this.#goOn();
      },
    );
  }

  /** Sends what stands in the door's buffer, which holds replies of this session only. */
  #send(): void {
    const { out } = this.#door;
    if (out.length === 0) return;
    if (this.#closed) out.drop();
    else {
      this.#outlet.write(out);
      out.clear();
    }
  }
}

function isPending(replies: readonly Reply[] | PendingReplies): replies is PendingReplies {
  return !Array.isArray(replies);
}
