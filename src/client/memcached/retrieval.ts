// A file that is being read: what it is, and its verified bytes in the shape that the reader wants.

import type { StoredFile } from "./manifest.ts";

/** Reading starts when one of the shapes is asked for; iterating again reads again. */
export class Retrieval implements AsyncIterable<Uint8Array> {
  readonly file: StoredFile;
  readonly #read: (reuse: boolean) => AsyncGenerator<Uint8Array, void, undefined>;

  readonly #reuse: boolean;

  constructor(
    file: StoredFile,
    read: (reuse: boolean) => AsyncGenerator<Uint8Array, void, undefined>,
    reuse: boolean,
  ) {
    this.file = file;
    this.#read = read;
    this.#reuse = reuse;
  }

  /** Pieces of one chunk each. For a Node stream: `Readable.from(retrieval)`. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#read(this.#reuse);
  }

  /** As a web stream: `new Response(retrieval.stream())`. It errors where the iteration would throw. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this.#read(false);
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await chunks.return();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** All of it in memory. */
  async bytes(): Promise<Uint8Array> {
    const bytes = new Uint8Array(this.file.size);
    let at = 0;
    for await (const chunk of this.#read(true)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
}
