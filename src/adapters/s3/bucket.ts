// A bucket of an S3 service, below a prefix: listed page by page, read range by range.

import type { ByteRange } from "../../ports/blobs.ts";
import type { Bucket, BucketObject, ObjectPage } from "../../ports/bucket.ts";
import { Fault } from "../../wire/faults.ts";
import { listingFault, type RangeAnswer, readRange, sizeOf } from "./requests.ts";
import { retried } from "./retries.ts";

export interface S3BucketOptions {
  readonly bucket: string;
  /** Names are relative to it; empty, or ending with `/`. */
  readonly prefix: string;
  /** Of the service; AWS's own by default. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
}

const PAGE = 1_000;
const PIECE = 128 * 1024;
/** What one request of a reader fetches at first, and as long as it is slow. */
const NARROWEST = 256 * 1024;
/** What one request of a fast reader fetches at most. */
const WIDEST = 4 * 1024 * 1024;
/** A reader that used up a request's bytes within this many ms gets twice as many with the next. */
const FAST_MS = 500;
const LONGEST_NAME = 1_024;

/**
 * Each range is a request of its own, begun when its bytes are asked for and read to its end at once: so no connection
 * stays open while a merge looks at other objects, and what a service closes, or answers with an error that passes, is
 * asked for again. Idle readers hold 256 KiB, fast ones fetch up to 4 MiB at a time. An object that is replaced while it is
 * read is Fault `replaced`.
 */
export class S3Bucket implements Bucket {
  readonly description: string;
  readonly #prefix: string;
  readonly #client: Bun.S3Client;

  constructor({ bucket, prefix, ...options }: S3BucketOptions) {
    this.description = `s3://${bucket}/${prefix}`;
    this.#prefix = prefix;
    const given = Object.entries(options).filter(([, value]) => value !== undefined && value !== "");
    this.#client = new Bun.S3Client({ bucket, ...Object.fromEntries(given) });
  }

  async list(prefix: string, after = "", signal?: AbortSignal): Promise<ObjectPage> {
    checkName(prefix, this.description);
    const query = {
      prefix: this.#prefix + prefix,
      maxKeys: PAGE,
      ...(after !== "" && { startAfter: this.#prefix + after }),
    };
    const page = await retried(signal, async () => {
      try {
        return await this.#client.list(query);
      } catch (cause) {
        throw listingFault(this.description, cause);
      }
    });
    const found = (page.contents ?? []).map(({ key, size }) => ({
      name: key.slice(this.#prefix.length),
      size: Number(size ?? 0),
    }));
    const last = found.at(-1);
    return { objects: found.filter(isReadable), next: page.isTruncated && last ? last.name : null };
  }

  async *open(name: string, range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkName(name, this.description);
    if (name === "") throw new Fault("not-found", `there is no object without a name in ${this.description}`);
    const object = { url: () => this.#urlOf(name, "GET"), headUrl: () => this.#urlOf(name, "HEAD") };
    const where = `${this.description}${name}`;
    let position = range?.start ?? 0;
    let end = range?.end;
    if (range) {
      const size = await this.sizeOf(name, signal);
      const { start, end: last } = range;
      if (!(start >= 0 && start <= last && last <= size)) {
        throw new Fault("range", `bytes ${start} to ${last} lie outside ${where}, which has ${size}`);
      }
    }
    let etag: string | undefined;
    for (let width = NARROWEST; end === undefined || position < end; ) {
      const wanted = { start: position, end: Math.min(position + width, end ?? position + width), etag };
      const answer: RangeAnswer = await retried(signal, () => readRange(object, where, wanted, signal));
      etag = answer.etag;
      end ??= answer.size;
      const asked = performance.now();
      for (let at = 0; at < answer.bytes.length; at += PIECE) {
        signal?.throwIfAborted();
        yield answer.bytes.subarray(at, at + PIECE);
      }
      position += answer.bytes.length;
      width = performance.now() - asked < FAST_MS ? Math.min(WIDEST, width * 2) : NARROWEST;
    }
  }

  async localFile(): Promise<undefined> {
    return undefined;
  }

  /** Bytes of the object. Fault `not-found`. */
  sizeOf(name: string, signal?: AbortSignal): Promise<number> {
    const object = { url: () => this.#urlOf(name, "GET"), headUrl: () => this.#urlOf(name, "HEAD") };
    return retried(signal, () => sizeOf(object, `${this.description}${name}`, signal));
  }

  /** Where the object lies, unsigned. */
  addressOf(name: string): string {
    const { origin, pathname } = new URL(this.#urlOf(name, "GET"));
    return origin + pathname;
  }

  /** Signed for some minutes: each request has its own. */
  #urlOf(name: string, method: "GET" | "HEAD"): string {
    return this.#client.presign(this.#prefix + name, { method, expiresIn: 900 });
  }
}

/** `s3://bucket/prefix` → the bucket and the prefix, as a folder. Fault `invalid` names what is wrong. */
export function parseS3Url(text: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket, path = ""] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/i.exec(text) ?? [];
  if (bucket === undefined) {
    throw new Fault("invalid", `${JSON.stringify(text)} is not the address of an S3 bucket`, {
      hint: "Write it as s3://bucket/prefix.",
    });
  }
  return { bucket, prefix: path === "" || path.endsWith("/") ? path : `${path}/` };
}

/** Markers of folders, and names that could not be given to `open`, are no objects. */
function isReadable({ name }: BucketObject): boolean {
  return name !== "" && !name.endsWith("/") && !name.startsWith("/") && !name.split("/").includes("..");
}

function checkName(name: string, description: string): void {
  const bad =
    name.includes("\0") ||
    name.startsWith("/") ||
    name.split("/").includes("..") ||
    Buffer.byteLength(name) > LONGEST_NAME;
  if (!bad) return;
  throw new Fault(
    "invalid",
    `${JSON.stringify(name.slice(0, 100))} is not a name of an object in ${description}`,
  );
}
