// The raw copy: a file's bytes over a loopback socket to a peer that discards them, and as many back. `peer` or `PORT FILE ROUNDS`.

import { open, stat } from "node:fs/promises";
import { connect, createServer } from "node:net";

const PIECE = 510_000;
const [first, path, rounds] = process.argv.slice(2);
if (first === "peer") peer();
else await client(Number(first), path, Number(rounds));

/** Answers a header of 16 digits: `0…` takes so many bytes and says k, `1…` sends so many. */
function peer() {
  const server = createServer({ noDelay: true }, (socket) => {
    let left = 0;
    socket.on("data", (bytes) => {
      if (left > 0) {
        left -= bytes.length;
        if (left === 0) socket.write("k");
        return;
      }
      const size = Number(bytes.subarray(1, 16).toString());
      if (bytes[0] === 48) {
        left = size - (bytes.length - 16);
        return;
      }
      const piece = Buffer.alloc(PIECE, 7);
      const send = (rest) => {
        if (rest > 0) socket.write(piece.subarray(0, Math.min(PIECE, rest)), () => send(rest - PIECE));
      };
      send(size);
    });
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

async function client(port, file, count) {
  const { size } = await stat(file);
  const head = (kind) => `${kind}${String(size).padStart(15, "0")}`;
  let taken = () => undefined;
  let left = 0;
  const buffer = new Uint8Array(262_144);
  const callback = (bytes) => {
    left -= bytes;
    if (left === 0) taken();
    return true;
  };
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer, callback } });
  const answer = (bytes) => {
    left = bytes;
    return new Promise((resolve) => {
      taken = resolve;
    });
  };
  const results = [];
  for (let round = 0; round < count; round++) {
    const begin = performance.now();
    const stored = answer(1);
    socket.write(head(0));
    const handle = await open(file);
    const piece = Buffer.alloc(PIECE);
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, PIECE, null);
      if (bytesRead === 0) break;
      await new Promise((resolve) => socket.write(piece.subarray(0, bytesRead), resolve));
    }
    await handle.close();
    await stored;
    const middle = performance.now();
    const retrieved = answer(size);
    socket.write(head(1));
    await retrieved;
    results.push([(middle - begin) / 1000, (performance.now() - middle) / 1000]);
  }
  socket.destroy();
  console.log(JSON.stringify(results));
}
