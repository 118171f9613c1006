// A file that is being read: what it is, and its verified bytes in the shape that the reader wants.

import type { StoredFile } from "./manifest.ts";

/** Reading starts when one of the shapes is asked for; iterating again reads again. */
export class Retrieval implements AsyncIterable<Uint8Array> {
  readonly file: StoredFile;
  readonly #read: () => AsyncGenerator<Uint8Array, void, undefined>;

  constructor(file: StoredFile, read: () => AsyncGenerator<Uint8Array, void, undefined>) {
    this.file = file;
    this.#read = read;
  }

  /** Pieces of one chunk each. For a Node stream: `Readable.from(retrieval)`. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#read();
  }

  /** As a web stream: `new Response(retrieval.stream())`. It errors where the iteration would throw. */
  stream(): ReadableStream<Uint8Array> {
    const chunks = this.#read();
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
    for await (const chunk of this.#read()) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    return bytes;
  }
}
