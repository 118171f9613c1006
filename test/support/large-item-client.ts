// A memcached client for values that are too large to be held: it sends and checks them piece by piece.

import { connect, type Socket } from "node:net";

const PIECE = 1_048_576;

export class LargeItemClient {
  readonly #host: string;
  readonly #port: number;

  /** `address`: `host:port` */
  constructor(address: string) {
    const colon = address.lastIndexOf(":");
    this.#host = address.slice(0, colon);
    this.#port = Number(address.slice(colon + 1));
  }

  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: this.#host, port: this.#port }, () => resolve(socket));
      socket.on("error", reject);
    });
  }

  /** Sends `text`, and resolves with what came up to `end`, or until the connection was closed. */
  async ask(text: string, end: string): Promise<string> {
    const socket = await this.connect();
    const answer = answerOf(socket, end);
    socket.write(text, "latin1");
    return await answer;
  }

  /** A value made from `seed`; resolves with the answer. */
  async store(key: string, size: number, seed: number): Promise<string> {
    const socket = await this.connect();
    const answer = answerOf(socket, "\r\n");
    socket.write(`set ${key} 0 0 ${size}\r\n`);
    for (const piece of valuePieces(size, seed)) if (!socket.write(piece)) await drained(socket);
    socket.write("\r\n");
    return await answer;
  }

  /** The SHA-256 of the value that `get` answers, taken as it comes. */
  async fetchDigest(key: string, size: number): Promise<string> {
    const socket = await this.connect();
    const head = `VALUE ${key} 0 ${size}\r\n`;
    const hash = new Bun.CryptoHasher("sha256");
    let seen = 0;
    return await new Promise((resolve, reject) => {
      socket.on("data", (piece: Buffer) => {
        if (seen === 0 && !piece.toString("latin1", 0, head.length).startsWith(head.slice(0, piece.length))) {
          reject(new Error(`not the value: ${piece.toString("latin1", 0, 100)}`));
        }
        const from = Math.min(piece.length, Math.max(0, head.length - seen));
        const end = Math.max(from, Math.min(piece.length, head.length + size - seen));
        hash.update(piece.subarray(from, end));
        seen += piece.length;
        if (seen < head.length + size + "\r\nEND\r\n".length) return;
        socket.destroy();
        resolve(hash.digest("hex"));
      });
      socket.on("close", () => reject(new Error(`closed after ${seen} bytes`)));
      socket.write(`get ${key}\r\n`);
    });
  }
}

/** Pieces with different bytes, so that one in the wrong place is noticed. */
export function* valuePieces(size: number, seed: number): Generator<Buffer> {
  for (let at = 0; at < size; at += PIECE) {
    const piece = Buffer.alloc(Math.min(PIECE, size - at), seed);
    piece.writeUInt32LE(at / PIECE, 0);
    yield piece;
  }
}

export function valueDigest(size: number, seed: number): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const piece of valuePieces(size, seed)) hash.update(piece);
  return hash.digest("hex");
}

function answerOf(socket: Socket, end: string): Promise<string> {
  let answer = "";
  return new Promise((resolve, reject) => {
    socket.on("data", (bytes) => {
      answer += bytes.toString("latin1");
      if (!answer.endsWith(end)) return;
      socket.destroy();
      resolve(answer);
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const on = () => {
      socket.off("drain", on).off("close", on);
      resolve();
    };
    socket.on("drain", on).on("close", on);
  });
}
