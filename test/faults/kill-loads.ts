// Writing loads for the kill test: each remembers what was acknowledged, and later checks that all of it is there.

import { expect } from "bun:test";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Random } from "../../src/cli/generate/random.ts";
import type { Cairn } from "../support/cairn.ts";
import { memcachedRequest } from "../support/memcached-request.ts";
import { until } from "../support/until.ts";

/** A load runs until its server dies under it; then `check` is called with the restarted server. */
export interface Load {
  run(cairn: Cairn): Promise<void>;
  check(cairn: Cairn): Promise<void>;
  /** Acknowledgements so far. */
  readonly acknowledged: number;
}

/** Connections that set their own keys over and over, in pipelines, each value telling its sequence number. */
export class KeyLoad implements Load {
  acknowledged = 0;
  readonly #random: Random;
  readonly #keys = new Map<string, { acked: number; sent: number }>();

  constructor(random: Random) {
    this.#random = random;
  }

  async run(cairn: Cairn): Promise<void> {
    await Promise.all(Array.from({ length: 8 }, (_, lane) => this.#write(cairn, lane)));
  }

  async check(cairn: Cairn): Promise<void> {
    for (const [key, { acked, sent }] of this.#keys) {
      const answer = await memcachedRequest(cairn.memcached, `get ${key}\r\n`);
      if (acked === 0 && answer === "END\r\n") continue;
      const sequence = Number(/\r\n(\d+):/.exec(answer)?.[1]);
      expect(answer).toBe(`VALUE ${key} 0 ${textOf(sequence).length}\r\n${textOf(sequence)}\r\nEND\r\n`);
      expect(sequence).toBeGreaterThanOrEqual(acked);
      expect(sequence).toBeLessThanOrEqual(sent);
    }
  }

  async #write(cairn: Cairn, lane: number): Promise<void> {
    const lines = await Lines.dial(cairn.memcached);
    for (let pipeline = 1; !lines.socket.destroyed; pipeline = 1 + this.#random.below(8)) {
      const keys = Array.from({ length: pipeline }, () => `kill-${lane}-${this.#random.below(50)}`);
      const sent = keys.map((key) => ({ key, sequence: this.#next(key) }));
      lines.socket.write(sent.map(({ key, sequence }) => setOf(key, sequence)).join(""));
      for (const { key, sequence } of sent) {
        const line = await lines.next();
        if (line === undefined) return;
        expect(line).toBe("STORED");
        this.acknowledged++;
        (this.#keys.get(key) as { acked: number }).acked = sequence;
      }
    }
  }

  #next(key: string): number {
    const state = this.#keys.get(key) ?? { acked: 0, sent: 0 };
    state.sent++;
    this.#keys.set(key, state);
    return state.sent;
  }
}

/** An image whose chunks arrive in random order; after the crash the acknowledged ones are there, and the rest completes it. */
export class ImageLoad implements Load {
  acknowledged = 0;
  readonly #random: Random;
  #registered = false;
  readonly #acked = new Set<number>();
  readonly #text: string;
  readonly #sha256: string;
  readonly #chunkSize = 97;

  constructor(random: Random) {
    this.#random = random;
    this.#text = Array.from({ length: 40_000 }, () => String.fromCharCode(32 + random.below(95))).join("");
    this.#sha256 = createHash("sha256").update(this.#text).digest("hex");
  }

  async run(cairn: Cairn): Promise<void> {
    const registration = { sha256: this.#sha256, size: this.#text.length, chunk_size: this.#chunkSize };
    const status = await post(`${cairn.image}/image`, registration);
    if (status === undefined) return;
    expect(status).toBe(201);
    this.#registered = true;
    this.acknowledged++;
    const waiting = shuffled(this.#chunks(), this.#random);
    await Promise.all(Array.from({ length: 4 }, () => this.#send(cairn, waiting)));
  }

  async check(cairn: Cairn): Promise<void> {
    const registration = { sha256: this.#sha256, size: this.#text.length, chunk_size: this.#chunkSize };
    const registered = await post(`${cairn.image}/image`, registration);
    expect(this.#registered ? [409] : [201, 409]).toContain(registered as number);
    for (const id of this.#chunks()) {
      const status = await post(`${cairn.image}/image/${this.#sha256}/chunks`, this.#chunk(id));
      expect(this.#acked.has(id) ? [409] : [201, 409]).toContain(status as number);
    }
    const image = await fetch(`${cairn.image}/image/${this.#sha256}`);
    expect([image.status, await image.text()]).toEqual([200, this.#text]);
  }

  async #send(cairn: Cairn, waiting: number[]): Promise<void> {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      const status = await post(`${cairn.image}/image/${this.#sha256}/chunks`, this.#chunk(id));
      if (status === undefined) return;
      expect(status).toBe(201);
      this.#acked.add(id);
      this.acknowledged++;
    }
  }

  #chunks(): number[] {
    return Array.from({ length: Math.ceil(this.#text.length / this.#chunkSize) }, (_, id) => id);
  }

  #chunk(id: number): object {
    const data = this.#text.slice(id * this.#chunkSize, (id + 1) * this.#chunkSize);
    return { id, size: data.length, data };
  }
}

/** Merges that are asked for; after the crash every acknowledged one ends with the right file. */
export class JobLoad implements Load {
  acknowledged = 0;
  readonly #expected: string;
  readonly #ids: string[] = [];

  /** `expected`: the merged text of the range that `initiate` asks for. */
  constructor(expected: string) {
    this.#expected = expected;
  }

  async run(cairn: Cairn): Promise<void> {
    for (;;) {
      const id = await initiate(cairn);
      if (id === undefined) return;
      this.#ids.push(id);
      this.acknowledged++;
    }
  }

  async check(cairn: Cairn): Promise<void> {
    for (const id of this.#ids.splice(0)) {
      const text = await until(`merge ${id} is done`, async () => {
        const answer = await fetch(`${cairn.merge}/download/${id}`);
        const body = await answer.text();
        if (answer.status === 202) return undefined;
        return { status: answer.status, body };
      });
      expect(text).toEqual({ status: 200, body: this.#expected });
    }
  }
}

/** A copy in random order. */
export function shuffled(ids: readonly number[], random: Random): number[] {
  const copy = [...ids];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [copy[i], copy[j]] = [copy[j] as number, copy[i] as number];
  }
  return copy;
}

function setOf(key: string, sequence: number): string {
  const value = textOf(sequence);
  return `set ${key} 0 0 ${value.length}\r\n${value}\r\n`;
}

/** From some bytes to some kilobytes, every one determined by the sequence number: a torn value cannot pass. */
function textOf(sequence: number): string {
  return `${sequence}:`.repeat(1 + ((sequence * 37) % 700));
}

/** A connection that is read line by line. */
class Lines {
  readonly socket: Socket;
  /** Resolves when the connection is gone: that the server was killed is what these loads are for. */
  readonly closed: Promise<void>;
  #unread = "";
  #wake: () => void = () => undefined;

  static async dial(server: string): Promise<Lines> {
    const [host = "", port = ""] = server.split(":");
    const lines = new Lines(connect({ host, port: Number(port) }));
    await Promise.race([new Promise<void>((resolve) => lines.socket.once("connect", resolve)), lines.closed]);
    return lines;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1").on("data", (piece: string) => {
      this.#unread += piece;
      this.#wake();
    });
    socket.on("error", () => socket.destroy());
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
  }

  /** The next whole line, or undefined when the connection is gone. */
  async next(): Promise<string | undefined> {
    for (;;) {
      const end = this.#unread.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#unread.slice(0, end);
        this.#unread = this.#unread.slice(end + 2);
        return line;
      }
      if (this.socket.destroyed) return undefined;
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), this.closed]);
    }
  }
}

/** The status, or undefined when the server died before it answered. */
async function post(url: string, body: object): Promise<number | undefined> {
  const response = await request(url, body);
  return response?.status;
}

async function initiate(cairn: Cairn): Promise<string | undefined> {
  const response = await request(`${cairn.merge}/initiate`, {
    start_date: "2024-01-01",
    end_date: "2024-01-03",
  });
  if (!response) return undefined;
  expect(response.status).toBe(200);
  // The status line may arrive and the body not: then nothing was acknowledged.
  const text = await response.text().catch(() => "");
  return text === "" ? undefined : (JSON.parse(text) as { download_id: string }).download_id;
}

function request(url: string, body: object): Promise<Response | undefined> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => undefined);
}
