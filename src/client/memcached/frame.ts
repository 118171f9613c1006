// A chunk to be sent, with room around it for its request line and line end: sockets copy parts together, and that costs a tenth of a store.

import { KEY_BYTES_MAX, storageLine } from "../../wire/memcached/client-requests.ts";

/** A multiple of 4, so that parity can work word by word. */
const HEAD_ROOM = Math.ceil((KEY_BYTES_MAX + 64) / 8) * 8;
const END = "\r\n";

export class Frame {
  readonly #bytes: Buffer;
  /** Where the chunk goes. */
  readonly body: Uint8Array;

  constructor(chunkSize: number) {
    this.#bytes = Buffer.allocUnsafeSlow(HEAD_ROOM + chunkSize + END.length);
    this.body = this.#bytes.subarray(HEAD_ROOM, HEAD_ROOM + chunkSize);
  }

  /** The whole `set` request for the first bytes of the body; the frame's own memory. */
  request(key: string, exptime: number, bytes: number): Uint8Array {
    const line = storageLine({ command: "set", key, exptime, bytes });
    this.#bytes.write(line, HEAD_ROOM - line.length, "latin1");
    this.#bytes.write(END, HEAD_ROOM + bytes, "latin1");
    return this.#bytes.subarray(HEAD_ROOM - line.length, HEAD_ROOM + bytes + END.length);
  }
}
