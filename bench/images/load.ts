// Load on the image protocol: connections that register images, send their chunks and download them. Prints JSON.
// Arguments: origin, seconds (0: no limit), connections, images (0: no limit).

import { createHash } from "node:crypto";

const [origin = "", seconds = "5", connections = "64", most = "0"] = process.argv.slice(2);
const { hostname, port } = new URL(origin);
const CHUNK = 256;
const text = "0123456789abcdef ".repeat(41).slice(0, 690);
let requests = 0;
let images = 0;
let serial = 0;
/** When each image was whole. */
const ends: number[] = [];
const run = crypto.randomUUID();
const start = performance.now();
const end = Number(seconds) > 0 ? start + Number(seconds) * 1000 : Number.POSITIVE_INFINITY;
const last = Number(most) || Number.POSITIVE_INFINITY;
await Promise.all(Array.from({ length: Number(connections) }, work));
const elapsed = (performance.now() - start) / 1000;
const [early, late] = [tenth(0), tenth(9)];
console.log(JSON.stringify({ requests: requests / elapsed, images: images / elapsed, early, late }));

/** Requests a second in a tenth of the images: 0 is the first. */
function tenth(which: number): number {
  const step = Math.floor(ends.length / 10);
  const [from, to] = [which === 0 ? start : ends[which * step - 1], ends[(which + 1) * step - 1]];
  const perImage = requests / images;
  return step === 0 ? 0 : (step * perImage * 1000) / ((to ?? 0) - (from ?? 0));
}

async function work(): Promise<void> {
  const peer = await Peer.dial();
  while (performance.now() < end && serial < last) {
    const image = `${text}${run}${String(serial++).padStart(8, "0")}`;
    const sha256 = createHash("sha256").update(image).digest("hex");
    await peer.post("/image", { sha256, size: image.length, chunk_size: CHUNK }, 201);
    for (let id = 0; id * CHUNK < image.length; id++) {
      const data = image.slice(id * CHUNK, (id + 1) * CHUNK);
      await peer.post(`/image/${sha256}/chunks`, { id, size: data.length, data }, 201);
    }
    await peer.get(`/image/${sha256}`);
    images++;
    ends.push(performance.now());
  }
  peer.close();
}

/** One connection, one request at a time. */
class Peer {
  #socket: Bun.Socket<undefined> | undefined;
  #received = "";
  #wake: () => void = () => undefined;

  static async dial(): Promise<Peer> {
    const peer = new Peer();
    peer.#socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: (_socket, data) => {
          peer.#received += data.toString("latin1");
          peer.#wake();
        },
      },
    });
    return peer;
  }

  post(path: string, body: object, status: number): Promise<void> {
    const json = JSON.stringify(body);
    return this.#exchange(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n${json}`,
      status,
    );
  }

  get(path: string): Promise<void> {
    return this.#exchange(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`, 200);
  }

  close(): void {
    this.#socket?.end();
  }

  async #exchange(request: string, status: number): Promise<void> {
    this.#socket?.write(request);
    for (;;) {
      const head = this.#received.indexOf("\r\n\r\n");
      if (head >= 0) {
        const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, head))?.[1] ?? 0);
        if (this.#received.length >= head + 4 + length) {
          if (!this.#received.startsWith(`HTTP/1.1 ${status}`)) throw new Error(this.#received.slice(0, 500));
          this.#received = this.#received.slice(head + 4 + length);
          requests++;
          return;
        }
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}
