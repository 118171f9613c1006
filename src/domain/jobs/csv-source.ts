// A stored file as the aggregation wants it: UTF-8, not compressed, and how its fields stand in it.

import { type Compression, compressionOf, decompressed } from "../../compute/compression.ts";
import { asUtf8, encodingOf, type TextEncoding } from "../../compute/text-encoding.ts";
import type { AggregationSource, CsvFormat } from "../../ports/aggregation.ts";
import type { LocalFile } from "../../ports/blobs.ts";
import { type AskedFormat, formatOf } from "./csv-format.ts";

/** Bytes of the text that are looked at. */
const SAMPLE = 1_048_576;

export interface CsvContent {
  /** Bytes as stored. */
  readonly size: number;
  /** From the beginning, as often as it is asked for. */
  open(): AsyncIterable<Uint8Array>;
  localFile(): Promise<LocalFile | undefined>;
}

export interface CsvSource {
  readonly source: AggregationSource & { readonly format: CsvFormat };
  readonly encoding: TextEncoding;
  readonly compression: Compression;
}

/** `asked`: the columns that the query names. */
export async function csvSource(
  content: CsvContent,
  asked: readonly string[],
  given: AskedFormat & {
    readonly encoding?: TextEncoding | undefined;
    readonly compression?: Compression | undefined;
  },
): Promise<CsvSource> {
  const compression = given.compression ?? compressionOf(await beginning(content.open(), 4));
  const bytes = () => decompressed(content.open(), compression);
  const sample = await beginning(bytes(), SAMPLE);
  const encoding = given.encoding ?? encodingOf(sample);
  const text = new TextDecoder().decode(await beginning(asUtf8(once(sample), encoding), SAMPLE));
  const format = formatOf(text, asked, given);
  const plain = compression === "none" && encoding === "utf-8" ? await content.localFile() : undefined;
  const source = { content: plain ?? asUtf8(bytes(), encoding), size: content.size, format };
  return { source, encoding, compression };
}

async function beginning(source: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    pieces.push(piece);
    size += piece.length;
    if (size >= length) break;
  }
  return Buffer.concat(pieces).subarray(0, length);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
