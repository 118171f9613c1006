// The same random programs for two memcached servers: what they answer has to be the same, byte for byte.
//
// Only what cannot be the same is evened out: cas uniques (which one it is, is compared), seconds that pass meanwhile.

import { connect, type Socket } from "node:net";
import { SqliteKv } from "../../src/adapters/sqlite/kv/kv.ts";
import { systemClock } from "../../src/app/clock.ts";
import { createRules } from "../../src/domain/kv/rules.ts";
import { MemcachedServer } from "../support/memcached-server.ts";
import { serveKv } from "../support/memcached-wire.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { program, UNIQUE } from "./memcached-programs.ts";
import { Random } from "./random.ts";

export interface Disagreement {
  readonly seed: number;
  /** All that was sent, up to the pipeline whose answers differ. */
  readonly sent: readonly string[];
  /** The answers to the last pipeline. */
  readonly answers: readonly [string, string];
}

export interface DifferentialResult {
  /** Those that were run, up to the last disagreement. */
  readonly programs: number;
  readonly commands: number;
  readonly bytes: number;
  readonly disagreements: readonly Disagreement[];
}

export interface DifferentialOptions {
  readonly programs: number;
  /** Program i is made of seed + i. */
  readonly seed: number;
  /** Ends after so many disagreements; default 1. */
  readonly most?: number;
}

export type Compare = (options: DifferentialOptions) => Promise<DifferentialResult>;

/** Cairn on SQLite in this process, as with `--expire`, and a memcached. */
export async function withBothServers<T>(use: (compare: Compare) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  await using memcached = await MemcachedServer.start();
  const clock = systemClock;
  const rules = createRules({ expire: true });
  const kv = SqliteKv.open({ path: folder.at("kv.sqlite"), sync: "normal", rules, clock });
  await using ours = serveKv({ kv, clock, expire: true });
  return await use((options) => compareServers([ours.port, memcached.port], options));
}

async function compareServers(
  ports: readonly [number, number],
  { programs, seed, most = 1 }: DifferentialOptions,
): Promise<DifferentialResult> {
  const result = { programs: 0, commands: 0, bytes: 0, disagreements: [] as Disagreement[] };
  for (; result.programs < programs && result.disagreements.length < most; result.programs++) {
    const random = new Random((seed + result.programs) * 2_654_435_761);
    const pipelines = program(random, `${seed + result.programs}.`);
    const peers = await Promise.all(ports.map((port) => Peer.open(port)));
    for (const [i, pipeline] of pipelines.entries()) {
      const cuts =
        random.below(3) === 0 ? [random.below(pipeline.length), random.below(pipeline.length)] : [];
      const [left = "", right = ""] = await Promise.all(peers.map((peer) => peer.ask(pipeline, cuts, i)));
      result.commands += pipeline.split("\n").length - 1;
      result.bytes += pipeline.length;
      if (left === right) continue;
      const sent = pipelines.slice(0, i + 1);
      result.disagreements.push({ seed: seed + result.programs, sent, answers: [left, right] });
      break;
    }
    for (const peer of peers) peer.close();
  }
  return result;
}

/** What is sent behind a pipeline: enough to end a block that was declared a little too long, and something to wait for. */
const FILLER = "\r\nmn\r\nmn\r\nmn\r\n";

class Peer {
  readonly #socket: Socket;
  readonly #uniques: string[] = [];
  #received = "";
  #ended = false;
  #arrived: (() => void) | undefined;

  static open(port: number): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Peer(socket)));
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      this.#received += piece;
      this.#arrived?.();
    });
    socket.on("close", () => {
      this.#ended = true;
      this.#arrived?.();
    });
    socket.on("error", () => undefined); // told by `close`
  }

  /** Sends it, cut there, and resolves with what was answered, evened out. */
  async ask(pipeline: string, cuts: readonly number[], id: number): Promise<string> {
    const text = pipeline.replace(/[\u0100-\uffff]/g, (one) => this.#unique(one.charCodeAt(0) - UNIQUE));
    const places = [0, ...[...cuts].sort((a, b) => a - b), text.length];
    for (let i = 1; i < places.length; i++) {
      this.#socket.write(text.slice(places[i - 1], places[i]), "latin1");
      await new Promise((next) => setImmediate(next));
    }
    const last = `EN kend-${id}\r\n`;
    this.#socket.write(`${FILLER}mg end-${id} k\r\n`, "latin1");
    while (!this.#received.endsWith(last) && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    const answer = this.#received + (this.#ended ? "(closed)" : "");
    this.#received = "";
    return this.#evened(answer);
  }

  close(): void {
    this.#socket.destroy();
  }

  #unique(index: number): string {
    return this.#uniques.length === 0 ? "1" : (this.#uniques[index % this.#uniques.length] as string);
  }

  /** Blocks of values are left as they are. */
  #evened(answer: string): string {
    let text = "";
    let at = 0;
    while (at < answer.length) {
      const newline = answer.indexOf("\n", at);
      const end = newline < 0 ? answer.length : newline + 1;
      const line = answer.slice(at, end);
      const size = /^VA(?:LUE \S+ \d+)? (\d+)/.exec(line)?.[1];
      at = end + (size === undefined ? 0 : Number(size) + 2);
      text += this.#evenedLine(line) + answer.slice(end, at);
    }
    return text;
  }

  #evenedLine(line: string): string {
    if (line.startsWith("VALUE ")) {
      return line.replace(
        /^(VALUE \S+ \d+ \d+ )(\d+)/,
        (_, head: string, cas: string) => head + this.#name(cas),
      );
    }
    if (line.startsWith("VERSION ")) return "VERSION\r\n";
    if (line.startsWith("ME ")) {
      return line.replace(
        / exp=(-?\d+) la=\d+ cas=\d+ fetch=\w+ cls=\d+/,
        (_, exp: string) => ` exp=${inHundreds(exp)}`,
      );
    }
    if (!/^(HD|VA|EN|NF|NS|EX)\b/.test(line)) return line;
    return line
      .replace(/ l\d+/, " l")
      .replace(/ c(\d+)/, (_, cas: string) => ` c${this.#name(cas)}`)
      .replace(/ t(\d+)/, (_, ttl: string) => ` t${inHundreds(ttl)}`);
  }

  /** Which of the uniques that were told. */
  #name(cas: string): string {
    if (cas === "0") return cas;
    const known = this.#uniques.indexOf(cas);
    if (known >= 0) return `#${known}`;
    this.#uniques.push(cas);
    return `#${this.#uniques.length - 1}`;
  }
}

/** Exptimes are given in hundreds of seconds; what is left of them is told in seconds, one early or late. */
function inHundreds(seconds: string): string {
  // memcached tells what has expired modulo 2^32.
  const left = Number(seconds) > 4_290_000_000 ? 0 : Math.abs(Number(seconds));
  return `${Math.round(left / 100)}00`;
}
