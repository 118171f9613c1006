// Values of 100 MB through the memcached door of the real program: whole, durable, and in bounded memory.

import { expect, test } from "bun:test";
import { connect } from "node:net";
import { Cairn } from "../support/cairn.ts";
import { figure } from "../support/figures.ts";
import { temporaryFolder } from "../support/temporary.ts";

const SIZE = 100 * 1_048_576;
/** A value passes through memory whole, and is there several times while it is stored. */
const MOST_MEGABYTES = 1_100;

/** Pieces with different bytes, so that one in the wrong place is noticed. */
function* pieces(): Generator<Buffer> {
  for (let i = 0; i < SIZE; i += 1_048_576) yield Buffer.alloc(1_048_576, i / 1_048_576);
}

function digest(): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const piece of pieces()) hash.update(piece);
  return hash.digest("hex");
}

function store(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port }, () => {
      socket.write(`set big 0 0 ${SIZE}\r\n`);
      for (const piece of pieces()) socket.write(piece);
      socket.write("\r\n");
    });
    socket.on("error", reject);
    socket.on("data", (answer) => {
      socket.destroy();
      resolve(answer.toString("latin1"));
    });
  });
}

/** The SHA-256 of the value that `get big` answers, taken as it comes. */
function fetchDigest(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const head = `VALUE big 0 ${SIZE}\r\n`;
    const hash = new Bun.CryptoHasher("sha256");
    let seen = 0;
    const socket = connect({ host: "127.0.0.1", port }, () => socket.write("get big\r\n"));
    socket.on("error", reject);
    socket.on("data", (piece: Buffer) => {
      const from = Math.min(piece.length, Math.max(0, head.length - seen));
      const end = Math.max(from, Math.min(piece.length, head.length + SIZE - seen));
      hash.update(piece.subarray(from, end));
      seen += piece.length;
      if (seen < head.length + SIZE + "\r\nEND\r\n".length) return;
      socket.destroy();
      resolve(hash.digest("hex"));
    });
  });
}

async function peakMegabytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1_024;
}

test("100 MB are stored, fetched, overwritten and kept across a restart", async () => {
  await using folder = await temporaryFolder();
  const options = { database: folder.at("cairn.sqlite"), flags: ["--max-item", "101mb", "--workers", "0"] };
  const portOf = (server: Cairn) => Number(server.memcached.split(":").at(-1));
  const expected = digest();
  {
    await using server = await Cairn.start(options);
    expect(await store(portOf(server))).toBe("STORED\r\n");
    expect(await fetchDigest(portOf(server))).toBe(expected);
    expect(await store(portOf(server))).toBe("STORED\r\n");
    expect(await fetchDigest(portOf(server))).toBe(expected);
    const peak = await peakMegabytes(server.pid);
    figure("most memory of the server with values of 100 MB", `${Math.round(peak)} MB`);
    expect(peak).toBeLessThan(MOST_MEGABYTES);
  }
  await using again = await Cairn.start(options);
  expect(await fetchDigest(portOf(again))).toBe(expected);
}, 60_000);

test("a limit beyond what is tested is refused", async () => {
  await using folder = await temporaryFolder();
  const start = Cairn.start({ database: folder.at("cairn.sqlite"), flags: ["--max-item", "1gb"] });
  await expect(start).rejects.toThrow(/--max-item: 1073741824 is outside 1024 to 134217728/);
});
