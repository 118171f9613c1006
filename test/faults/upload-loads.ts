// Uploads by tus and by Dropzone for the kill test: what was acknowledged is there after the crash, and the rest completes it.

import { expect } from "bun:test";
import type { Random } from "../../src/cli/generate/random.ts";
import { sha256 } from "../support/bytes.ts";
import type { Cairn } from "../support/cairn.ts";
import { TusCaller } from "../support/tus.ts";
import { type Load, shuffled } from "./kill-loads.ts";

const SIZE = 1_500_000;

/** One upload after the other, each in PATCHes of random length. */
export class TusLoad implements Load {
  acknowledged = 0;
  readonly #random: Random;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #path: string | undefined;
  #acked = 0;
  #finished: string[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#bytes = randomBytes(random);
  }

  async run(cairn: Cairn): Promise<void> {
    const tus = new TusCaller(cairn.http);
    for (;;) {
      const url = await tus.create(SIZE).catch(() => undefined);
      if (url === undefined) return;
      this.#path = new URL(url).pathname;
      this.#acked = 0;
      if (!(await this.#send(tus, url))) return;
      this.#finished.push(this.#path);
      this.#path = undefined;
    }
  }

  async check(cairn: Cairn): Promise<void> {
    const tus = new TusCaller(cairn.http);
    if (this.#path !== undefined) {
      const url = cairn.http + this.#path;
      const offset = await tus.offset(url);
      expect(offset).toBeGreaterThanOrEqual(this.#acked);
      if (offset < SIZE) expect((await tus.patch(url, offset, this.#bytes.slice(offset))).status).toBe(204);
      this.#finished.push(this.#path);
    }
    for (const path of this.#finished.splice(0)) {
      const answer = await fetch(cairn.http + path);
      expect(sha256(await answer.bytes())).toBe(sha256(this.#bytes));
    }
  }

  /** False when the server died meanwhile. */
  async #send(tus: TusCaller, url: string): Promise<boolean> {
    while (this.#acked < SIZE) {
      const end = Math.min(SIZE, this.#acked + 1 + this.#random.below(400_000));
      const piece = this.#bytes.slice(this.#acked, end);
      const answer = await tus.patch(url, this.#acked, piece).catch(() => undefined);
      if (!answer) return false;
      expect([answer.status, answer.headers.get("upload-offset")]).toEqual([204, String(end)]);
      this.#acked = end;
      this.acknowledged++;
    }
    return true;
  }
}

/** One CSV in chunks, several at once and in random order. */
export class DropzoneLoad implements Load {
  acknowledged = 0;
  readonly #random: Random;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #id = crypto.randomUUID();
  readonly #chunkSize = 49_999;
  readonly #acked = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
    this.#bytes = randomBytes(random);
  }

  async run(cairn: Cairn): Promise<void> {
    const waiting = shuffled(this.#offsets(), this.#random);
    await Promise.all(Array.from({ length: 4 }, () => this.#sendAll(cairn, waiting)));
  }

  async check(cairn: Cairn): Promise<void> {
    const known = await fetch(`${cairn.http}/api/uploads/${this.#id}`);
    if (this.#acked.size > 0) expect(known.status).toBe(200);
    const { ranges = [] } = (await known.json()) as { ranges?: [number, number][] };
    const isThere = (start: number, end: number) => ranges.some(([from, to]) => from <= start && end <= to);
    for (const offset of this.#acked) expect(isThere(offset, this.#end(offset))).toBe(true);
    for (const offset of this.#offsets()) {
      if (!isThere(offset, this.#end(offset))) {
        expect(await this.#send(cairn, offset)).toEqual({ status: 200, text: expect.any(String) });
      }
    }
    const { fileId } = (await (await fetch(`${cairn.http}/api/uploads/${this.#id}`)).json()) as {
      fileId: string;
    };
    const file = await fetch(`${cairn.http}/files/${fileId}`);
    expect(sha256(await file.bytes())).toBe(sha256(this.#bytes));
  }

  async #sendAll(cairn: Cairn, waiting: number[]): Promise<void> {
    for (let offset = waiting.pop(); offset !== undefined; offset = waiting.pop()) {
      const answer = await this.#send(cairn, offset).catch(() => undefined);
      if (answer === undefined) return;
      expect(answer).toEqual({ status: 200, text: expect.any(String) });
      this.#acked.add(offset);
      this.acknowledged++;
    }
  }

  async #send({ http }: Cairn, offset: number): Promise<{ status: number; text: string }> {
    const form = new FormData();
    form.append("dzuuid", this.#id);
    form.append("dzchunkbyteoffset", String(offset));
    form.append("dzchunksize", String(this.#chunkSize));
    form.append("dztotalfilesize", String(SIZE));
    form.append("file", new File([this.#bytes.slice(offset, this.#end(offset))], "plays.csv"));
    const answer = await fetch(`${http}/api/upload_file`, { method: "POST", body: form });
    return { status: answer.status, text: await answer.text() };
  }

  #offsets(): number[] {
    return Array.from({ length: Math.ceil(SIZE / this.#chunkSize) }, (_, i) => i * this.#chunkSize);
  }

  #end(offset: number): number {
    return Math.min(SIZE, offset + this.#chunkSize);
  }
}

function randomBytes(random: Random): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: SIZE }, () => random.below(256));
}
