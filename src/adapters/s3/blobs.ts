// Blobs as objects of an S3 service, below a prefix of their own.

import type { BlobId, BlobStat, Blobs, ByteRange, Content, WrittenBlob } from "../../ports/blobs.ts";
import { abortable } from "../../wire/abortable.ts";
import { Fault, isFault } from "../../wire/faults.ts";
import { S3Bucket, type S3BucketOptions } from "./bucket.ts";
import { uploadInParts } from "./multipart.ts";
import { send } from "./requests.ts";
import { retried } from "./retries.ts";
import { type S3Keys, signedUrl } from "./signature.ts";

const ID = /^[a-z0-9-]{1,64}$/;

/**
 * The prefix belongs to one store alone: whatever under it is named like a blob is one of this store's. Uploads that a
 * killed process left are not visible; a rule of the bucket for incomplete uploads removes them.
 */
export class S3Blobs implements Blobs {
  readonly #bucket: S3Bucket;
  readonly #keys: S3Keys;

  /** Fault `invalid` without credentials. */
  constructor(options: S3BucketOptions) {
    const { accessKeyId, secretAccessKey, sessionToken, region = "us-east-1" } = options;
    if (!accessKeyId || !secretAccessKey) {
      throw new Fault("invalid", `s3://${options.bucket}/${options.prefix} cannot be written without keys`, {
        hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
      });
    }
    this.#keys = { region, accessKeyId, secretAccessKey, sessionToken };
    this.#bucket = new S3Bucket({ ...options, region });
  }

  async put(
    id: BlobId,
    source: AsyncIterable<Uint8Array>,
    { signal }: { readonly size?: number; readonly signal?: AbortSignal } = {},
  ): Promise<WrittenBlob> {
    // Ids are random, so this check cannot lose a race.
    if (await this.stat(id)) throw new Fault("exists", `the blob ${id} exists already`);
    const hasher = new Bun.CryptoHasher("sha256");
    let size = 0;
    async function* counted() {
      for await (const piece of abortable(source, signal)) {
        hasher.update(piece);
        size += piece.length;
        yield piece;
      }
    }
    await uploadInParts({ ...this.#object(id), keys: this.#keys, signal }, counted());
    return { id, size, sha256: hasher.digest("hex") };
  }

  async open(id: BlobId, range?: ByteRange): Promise<Content> {
    const found = await this.stat(id);
    if (!found) throw new Fault("not-found", `there is no blob ${id}`);
    const { start, end } = range ?? { start: 0, end: found.size };
    if (start < 0 || start > end || end > found.size) {
      throw new Fault("range", `bytes ${start} to ${end} lie outside the ${found.size} bytes of ${id}`);
    }
    return streamed(start === end ? [] : this.#bucket.open(id, { start, end }));
  }

  async stat(id: BlobId): Promise<BlobStat | undefined> {
    try {
      return { id, size: await this.#bucket.sizeOf(nameOf(id)) };
    } catch (error) {
      if (isFault(error, "not-found")) return undefined;
      throw error;
    }
  }

  async remove(id: BlobId): Promise<void> {
    const { url, where } = this.#object(id);
    await retried(undefined, async () => {
      try {
        const response = await send(signedUrl("DELETE", url, {}, this.#keys), { method: "DELETE" }, where);
        await response.body?.cancel();
      } catch (error) {
        if (!isFault(error, "not-found")) throw error;
      }
    });
  }

  async *list(): AsyncGenerator<BlobStat> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const page = await this.#bucket.list("", after);
      for (const { name, size } of page.objects) if (ID.test(name)) yield { id: name, size };
      after = page.next ?? undefined;
    }
  }

  async localFile(): Promise<undefined> {
    return undefined;
  }

  #object(id: BlobId): { readonly url: string; readonly where: string } {
    return { url: this.#bucket.addressOf(nameOf(id)), where: `${this.#bucket.description}${id}` };
  }
}

/** `id` itself, which becomes part of a key: our own random name, or a defect. */
function nameOf(id: BlobId): string {
  if (ID.test(id)) return id;
  throw new Fault("internal", `${JSON.stringify(id.slice(0, 80))} is not an id of ours`);
}

/** Read as it is asked for; a reader that goes away ends it. */
function streamed(pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  async function* read() {
    yield* pieces;
  }
  const reading = read();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reading.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      async cancel() {
        await reading.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
