// A small load generator for memcached servers: raw sockets, fixed connections and pipeline, prints JSON.
//
//   load.ts PORT get|set CONNECTIONS PIPELINE SECONDS [VALUE_BYTES] [KEYS] [SERVER_PID]
//
// With the server's process id it also tells the server's CPU time per operation (user and system, Linux).

import { readFileSync } from "node:fs";
import type { Socket } from "bun";

const [port, kind, connections, pipeline, seconds, size = 100, keys = 10_000, pid = 0] = process.argv
  .slice(2)
  .map((arg, i) => (i === 1 ? arg : Number(arg))) as [
  number,
  string,
  number,
  number,
  number,
  number,
  number,
  number,
];

const TICKS_PER_SECOND = 100;
const value = "x".repeat(size);
const requests = Array.from({ length: 512 }, () =>
  Buffer.from(
    Array.from({ length: pipeline }, () => {
      const key = `key:${Math.floor(Math.random() * keys)}`;
      return kind === "get" ? `get ${key}\r\n` : `set ${key} 0 0 ${size}\r\n${value}\r\n`;
    }).join(""),
  ),
);

/** What ends an answer, counted to know that all of a pipeline have come. */
const LAST = kind === "get" ? 0x45 : 0x53; // the E of END, the S of STORED; values and keys hold neither

interface Lane {
  left: number;
  next: number;
  sentAt: number;
}

let done = 0;
let running = true;
const latencies: number[] = [];

function send(socket: Socket<Lane>): void {
  const lane = socket.data;
  lane.left = pipeline;
  lane.sentAt = performance.now();
  socket.write(requests[lane.next++ % requests.length] as Buffer);
}

function receive(socket: Socket<Lane>, chunk: Buffer): void {
  const lane = socket.data;
  // `VALUE` also has an E: an END is an E behind a line end or at the start of a packet.
  for (let at = chunk.indexOf(LAST); at >= 0; at = chunk.indexOf(LAST, at + 1)) {
    if (kind === "set" || at === 0 || chunk[at - 1] === 10) lane.left--;
  }
  if (lane.left > 0) return;
  done += pipeline;
  latencies.push(performance.now() - lane.sentAt);
  if (running) send(socket);
}

function cpuSeconds(): number {
  if (pid === 0) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const sockets = await Promise.all(
  Array.from({ length: connections }, (_, i) =>
    Bun.connect<Lane>({
      hostname: "127.0.0.1",
      port,
      data: { left: 0, next: i * 7, sentAt: 0 },
      socket: { data: receive },
    }),
  ),
);
for (const socket of sockets) send(socket);
await Bun.sleep(300);
done = 0;
latencies.length = 0;
const startedAt = performance.now();
const cpuBefore = cpuSeconds();
await Bun.sleep(seconds * 1_000);
const elapsed = (performance.now() - startedAt) / 1_000;
const cpu = cpuSeconds() - cpuBefore;
running = false;
latencies.sort((a, b) => a - b);
console.log(
  JSON.stringify({
    kind,
    connections,
    pipeline,
    perSecond: Math.round(done / elapsed),
    cpuMicroseconds: pid === 0 ? null : Number(((cpu / done) * 1e6).toFixed(2)),
    p50: Number((latencies[Math.floor(latencies.length / 2)] ?? 0).toFixed(2)),
    p99: Number((latencies[Math.floor(latencies.length * 0.99)] ?? 0).toFixed(2)),
  }),
);
for (const socket of sockets) socket.end();
process.exit(0);
