// Multipart forms as a stream of parts: fields as text, files as bytes that are read while they arrive.

import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders } from "@fastify/busboy";
import { Fault, toFault } from "../../wire/faults.ts";

export interface FieldPart {
  readonly kind: "field";
  readonly name: string;
  readonly value: string;
}

export interface FilePart {
  readonly kind: "file";
  readonly name: string;
  /** As the client calls it, without folders; may be empty. */
  readonly filename: string;
  /** To be read to its end before the next part is asked for; what is left is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

export type Part = FieldPart | FilePart;

type Parser = InstanceType<typeof Busboy>;

const LIMITS = {
  fieldNameSize: 100,
  fieldSize: 4096,
  fields: 32,
  files: 1,
  parts: 40,
  headerPairs: 32,
  headerSize: 8192,
};

/**
 * The parts of the body in order. Leaving the loop early stops reading the request.
 *
 * Faults: `unsupported-media` (not multipart/form-data), `invalid` (malformed, too many parts, a field over 4 KiB),
 * `cancelled` (the client went away).
 */
export async function* readMultipart(request: Request): AsyncGenerator<Part> {
  const parser = openParser(request);
  const inbox = new Inbox(parser);
  const reader = request.body?.getReader();
  const pumping = pump(reader, parser, inbox);
  try {
    for (let part = await inbox.next(); part; part = await inbox.next()) {
      yield part;
      if (part.kind === "file") inbox.skipRest();
    }
  } finally {
    inbox.close();
    // Nobody reads any more: tell the sender, whose error no longer matters.
    await reader?.cancel().catch(() => undefined);
    await pumping;
  }
}

function openParser(request: Request): Parser {
  const type = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\b/i.test(type)) {
    throw new Fault(
      "unsupported-media",
      `the body must be multipart/form-data, not ${JSON.stringify(type.slice(0, 80))}`,
    );
  }
  try {
    return new Busboy({ headers: { "content-type": type } as BusboyHeaders, limits: LIMITS });
  } catch (cause) {
    throw malformed(cause);
  }
}

/** Feeds the parser as fast as it takes; a full part, and so a slow disk, stops it. Never rejects. */
async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
  parser: Parser,
  inbox: Inbox,
): Promise<void> {
  try {
    for (;;) {
      const next = await reader?.read();
      if (!next || next.done) break;
      if (!parser.write(next.value)) await inbox.drained();
      if (inbox.isClosed) return;
    }
    parser.end();
  } catch (error) {
    inbox.fail(toFault(error));
  }
}

/** What the parser has found and nobody has taken yet: at most the parts of one piece of the body. */
class Inbox {
  readonly #parser: Parser;
  readonly #parts: Part[] = [];
  #file: Readable | undefined;
  #failure: Fault | undefined;
  #isFinished = false;
  #wake: () => void = () => undefined;
  #resume: () => void = () => undefined;
  isClosed = false;

  constructor(parser: Parser) {
    this.#parser = parser;
    parser.on("field", (name, value, _nameTruncated, isTruncated) => {
      if (isTruncated)
        this.fail(
          new Fault("invalid", `the field ${name.slice(0, 80)} is longer than ${LIMITS.fieldSize} bytes`),
        );
      else this.#add({ kind: "field", name, value: String(value) });
    });
    parser.on("file", (name, stream, filename) => {
      // An error of a stream that nobody reads any more must not end the process.
      stream.on("error", () => undefined);
      this.#file = stream;
      this.#add({ kind: "file", name, filename: filename ?? "", content: this.#read(stream) });
    });
    for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
      parser.on(limit, () => this.fail(new Fault("invalid", `the form has too many parts (${limit})`)));
    }
    parser.on("error", (error) => this.fail(malformed(error)));
    parser.on("drain", () => this.#resume());
    parser.on("finish", () => {
      this.#isFinished = true;
      this.#wake();
    });
  }

  async next(): Promise<Part | undefined> {
    for (;;) {
      if (this.#failure) throw this.#failure;
      const part = this.#parts.shift();
      if (part) return part;
      if (this.#isFinished) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  drained(): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Lets what was not read of the last file flow by. */
  skipRest(): void {
    if (this.#file && !this.#file.readableEnded) this.#file.resume();
  }

  fail(fault: Fault): void {
    this.#failure ??= fault;
    this.#file?.destroy(fault);
    this.#resume();
    this.#wake();
  }

  close(): void {
    this.isClosed = true;
    this.#file?.destroy();
    this.#resume();
    this.#parser.destroy();
  }

  async *#read(stream: Readable): AsyncGenerator<Uint8Array> {
    try {
      yield* stream as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw this.#failure ?? malformed(error);
    }
    if (this.#failure) throw this.#failure;
  }

  #add(part: Part): void {
    this.#parts.push(part);
    this.#wake();
  }
}

function malformed(cause: unknown): Fault {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Fault("invalid", `the multipart body is malformed: ${reason}`, { cause });
}
