// Uploads to an S3 service in parts, each repeated when the service fails for a moment; absent until all are there.

import { Fault, isFault } from "../../wire/faults.ts";
import { send } from "./requests.ts";
import { retried } from "./retries.ts";
import { type S3Keys, signedUrl } from "./signature.ts";

export interface UploadTarget {
  /** The object's address, without a query. */
  readonly url: string;
  /** For messages. */
  readonly where: string;
  readonly keys: S3Keys;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a part. They double every 1,000 parts, of which a service takes 10,000: no object is too large for them. */
const PART = 8 * 1024 * 1024;
const GROWS_AFTER = 1_000;
const LONGEST_ERROR = 500;

/**
 * The bytes of `source` as one object; what fits into one part goes in one request. Two parts are in memory: one is
 * sent while the next one comes. When the source breaks, nothing stays behind and its error is thrown.
 */
export async function uploadInParts(target: UploadTarget, source: AsyncIterable<Uint8Array>): Promise<void> {
  const parts = gathered(source)[Symbol.asyncIterator]();
  try {
    const first = await parts.next();
    const second = first.done === true ? first : await parts.next();
    if (second.done === true) await putWhole(target, first.done === true ? new Uint8Array(0) : first.value);
    else await putParts(target, resumed([first.value, second.value], parts));
  } finally {
    await parts.return(undefined);
  }
}

async function putParts(target: UploadTarget, parts: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
  const uploadId = await begin(target);
  try {
    await complete(target, uploadId, await sendParts(target, uploadId, parts));
  } catch (error) {
    await abort(target, uploadId);
    throw error;
  }
}

async function putWhole({ url, where, keys, signal }: UploadTarget, bytes: Uint8Array<ArrayBuffer>) {
  await retried(signal, () =>
    text(send(signedUrl("PUT", url, {}, keys), { method: "PUT", body: bytes }, where, signal)),
  );
}

async function begin({ url, where, keys, signal }: UploadTarget): Promise<string> {
  const answer = await retried(signal, () =>
    text(send(signedUrl("POST", url, { uploads: "" }, keys), { method: "POST" }, where, signal)),
  );
  const [, id] = /<UploadId>([^<]+)<\/UploadId>/.exec(answer) ?? [];
  if (id) return id;
  throw new Fault("internal", `${where}: the service began no upload: ${answer.slice(0, LONGEST_ERROR)}`);
}

/** One part is on its way while the next one is gathered. Returns the parts' entity tags. */
async function sendParts(
  { url, where, keys, signal }: UploadTarget,
  uploadId: string,
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<string[]> {
  const etags: string[] = [];
  let sending: Promise<void> = Promise.resolve();
  for await (const body of parts) {
    await sending;
    const partNumber = String(etags.length + 1);
    etags.push("");
    sending = retried(signal, async () => {
      const address = signedUrl("PUT", url, { partNumber, uploadId }, keys);
      const response = await send(address, { method: "PUT", body }, where, signal);
      await response.body?.cancel();
      etags[Number(partNumber) - 1] = response.headers.get("etag") ?? "";
    });
    // It is awaited with the next part; until then its error waits with it.
    sending.catch(() => undefined);
  }
  await sending;
  return etags;
}

async function complete(target: UploadTarget, uploadId: string, etags: readonly string[]): Promise<void> {
  const { url, where, keys, signal } = target;
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
  const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  let asked = 0;
  const answer = await retried(signal, async () => {
    asked += 1;
    try {
      return await text(
        send(signedUrl("POST", url, { uploadId }, keys), { method: "POST", body }, where, signal),
      );
    } catch (error) {
      // The answer to the first request was lost: it had been carried out, so there is no such upload any more.
      if (asked > 1 && isFault(error, "not-found")) return "";
      throw error;
    }
  });
  // A service that fails after it has begun to answer says so in an answer of success.
  if (!answer.includes("<Error>")) return;
  throw new Fault("unreachable", `${where}: the service answered ${answer.slice(0, LONGEST_ERROR)}`);
}

/** Lets the service free the parts. What cannot be told now is removed by the bucket's own rule for such uploads. */
async function abort({ url, where, keys }: UploadTarget, uploadId: string): Promise<void> {
  try {
    await text(send(signedUrl("DELETE", url, { uploadId }, keys), { method: "DELETE" }, where, undefined));
  } catch (error) {
    if (!isFault(error)) throw error;
  }
}

/** The pieces put together, each part in memory of its own. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let count = 0;
  let part = new Uint8Array(PART);
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const fitting = piece.subarray(at, at + part.length - filled);
      part.set(fitting, filled);
      filled += fitting.length;
      at += fitting.length;
      if (filled < part.length) continue;
      yield part;
      count += 1;
      part = new Uint8Array(PART * 2 ** Math.floor(count / GROWS_AFTER));
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}

async function* resumed<T>(taken: readonly T[], rest: AsyncIterator<T>): AsyncGenerator<T> {
  yield* taken;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function text(answering: Promise<Response>): Promise<string> {
  const response = await answering;
  try {
    return await response.text();
  } catch (cause) {
    throw new Fault("unreachable", "the service's answer was cut off", { cause });
  }
}
