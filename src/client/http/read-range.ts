// The bytes of one range of a file, whatever happens on the way: a broken connection is taken up where it broke.

import { contentRange, type Span } from "../../wire/byte-ranges.ts";
import { Fault } from "../../wire/faults.ts";
import { Backoff } from "./backoff.ts";
import { digestOf, type RemoteFile, type TransferSettings, validatorOf } from "./remote-file.ts";
import { answerFault, open, unreachable } from "./request.ts";

/** Some bytes and where they belong. */
export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/**
 * Yields the range in order, and ends only when all of it was yielded. Faults: `replaced` when the file is not the one
 * that `file` describes any more, and those of a server that stays away.
 */
export async function* readRange(
  file: RemoteFile & { readonly size: number; readonly validator: string },
  span: Span,
  settings: TransferSettings,
): AsyncGenerator<Piece, void, undefined> {
  const backoff = new Backoff(settings);
  let at = span.start;
  while (at < span.end) {
    try {
      for await (const bytes of requestRange(file, { start: at, end: span.end }, settings)) {
        yield { at, bytes };
        at += bytes.length;
        backoff.moved();
      }
    } catch (error) {
      await backoff.pause(error);
    }
  }
}

/**
 * Yields a whole file from a server that has no ranges, or tells no version or no size. A broken connection is an
 * error: what comes next time might be another file.
 */
export async function* readWhole(
  file: RemoteFile,
  settings: TransferSettings,
): AsyncGenerator<Piece, void, undefined> {
  const { response, ...exchange } = await open(file.url, { headers: IDENTITY }, settings);
  let at = 0;
  try {
    if (!response.ok) throw answerFault(file.url, response, await response.text());
    if (digestOf(response.headers) !== file.sha256) throw replaced(file.url);
    for await (const bytes of bodyOf(response, exchange.alive)) {
      yield { at, bytes };
      at += bytes.length;
    }
    if (file.size !== undefined && at !== file.size) throw brokenOff(file.url, at, file.size);
  } catch (error) {
    const fault = exchange.faultOf(error);
    if (!(fault instanceof Fault) || fault.code !== "unreachable") throw fault;
    const hint = "This server offers no ranges, so the download starts again from the beginning.";
    throw new Fault("unreachable", fault.message, { hint, cause: error });
  } finally {
    exchange.close();
  }
}

const IDENTITY = { "accept-encoding": "identity" };

async function* requestRange(
  file: RemoteFile & { readonly size: number; readonly validator: string },
  span: Span,
  settings: TransferSettings,
): AsyncGenerator<Uint8Array, void, undefined> {
  const range = `bytes=${span.start}-${span.end - 1}`;
  const headers = { ...IDENTITY, range, "if-range": file.validator };
  const { response, ...exchange } = await open(file.url, { headers }, settings);
  try {
    await checkAnswer(file, span, response);
    let left = span.end - span.start;
    for await (const bytes of bodyOf(response, exchange.alive)) {
      // More than was asked for would be written over other ranges.
      yield bytes.length > left ? bytes.subarray(0, left) : bytes;
      left -= Math.min(left, bytes.length);
    }
    if (left > 0) throw brokenOff(file.url, span.end - left, span.end);
  } catch (error) {
    throw exchange.faultOf(error);
  } finally {
    exchange.close();
  }
}

async function checkAnswer(
  file: RemoteFile & { readonly size: number },
  span: Span,
  response: Response,
): Promise<void> {
  if (response.status === 200) {
    // RFC 9110 §14.2: the condition of If-Range did not hold, or ranges are ignored.
    if (validatorOf(response.headers) !== file.validator) throw replaced(file.url);
    throw new Fault("internal", `${file.url} announced ranges, but answered one with the whole file`);
  }
  // A file that has become shorter can answer 416 before it looks at If-Range.
  if (response.status === 416) throw replaced(file.url);
  if (!response.ok) throw answerFault(file.url, response, await response.text());
  const said = response.headers.get("content-range");
  const version = validatorOf(response.headers);
  if (said !== contentRange(span, file.size) || (version !== undefined && version !== file.validator)) {
    throw replaced(file.url);
  }
}

async function* bodyOf(response: Response, alive: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = response.body?.getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    if (value.length > 0) yield value;
    // The time that the reader of these bytes took is not the server's silence.
    alive();
  }
}

function brokenOff(url: string, at: number, of: number): Fault {
  return unreachable(url, `broke off at byte ${at} of ${of}`);
}

export function replaced(url: string): Fault {
  return new Fault("replaced", `${url} was replaced by another file while it was being downloaded`, {
    hint: "Download it again: that begins anew, with the file that is there now.",
    details: { url },
  });
}
