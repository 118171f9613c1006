// A file of 1 GiB up and down: by tus beside its peers and beside the machine's own limits, in parts, and many at once.
// Arguments: bytes of the file (1073741824), rounds (3). Writes its section of docs/benchmarks.md.

import { mkdir, rm } from "node:fs/promises";
import { Cairn } from "../../test/support/cairn.ts";
import { startNginx } from "../../test/support/nginx.ts";
import { BUN, Program, ROOT, run } from "../../test/support/processes.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { median, report } from "../report.ts";
import { peakMemory, type Rival, startScript } from "./servers.ts";

const [size = 1_073_741_824, rounds = 3] = process.argv.slice(2).map(Number);
const PARTS = 4;
const MANY = 64;
const PATCH = [
  ...["-H", "Expect:", "-H", "Tus-Resumable: 1.0.0", "-H", "Upload-Offset: 0"],
  ...["-H", "Content-Type: application/offset+octet-stream"],
];
const TUS = { "Tus-Resumable": "1.0.0" };
await using folder = await temporaryFolder();
const file = folder.at("served", "large");
await mkdir(folder.at("served"));
await shell(`head -c ${size} /dev/urandom > '${file}'`);

/** Seconds of each round, by what was measured. */
const taken = new Map<string, number[]>();
const memory = { one: await measureTransfers(), parts: await measureParts(), many: await measureMany() };
await write();

async function measureTransfers(): Promise<number> {
  await using cairn = await startCairn("one");
  // Another, since equal files share their bytes.
  await using holder = await startCairn("holder");
  await using onBun = await startTus("bun", `${ROOT}bench/transfer/tus-node-server.ts`);
  await using onNode = await startTus("node", await bundled(`${ROOT}bench/transfer/tus-node-server.ts`));
  await using discard = await startScript("transfer/discard-server");
  await using nginx = await startNginx(folder.at("nginx"), folder.at("served"));
  const stored = await run(["curl", "-sf", "-T", file, `${holder.http}/files/large`], { timeoutMs: 600_000 });
  const ours = `${holder.http}${(JSON.parse(stored.stdout) as { url: string }).url}`;
  const copy = folder.at("copy");
  for (let round = 0; round < rounds; round++) {
    await upload("ours", cairn.http);
    await upload("@tus/server on Bun", onBun.origin);
    await upload("@tus/server on Node", onNode.origin);
    await time("discard", () => curl("-T", file, `${discard.origin}/`));
    await time("cat", () => shell(`cat '${file}' > '${copy}' && sync '${copy}' && sha256sum '${copy}'`));
    await time("dd", () => shell(`dd if='${file}' of='${copy}' bs=1M conv=fsync status=none`));
    await rm(copy);
    await shell(`rm -f '${folder.at("bun")}'/* '${folder.at("node")}'/* && sync`);
    await time("download", () => curl(ours));
    await time("nginx", () => curl(`${nginx.origin}/large`));
    await readMany("readers", ours);
    await readMany("nginx readers", `${nginx.origin}/large`);
  }
  return Math.max(await peakMemory(cairn.pid), await peakMemory(holder.pid));
}

/** The file in parts at once, as tus-js-client and Uppy send it, and then joined. */
async function measureParts(): Promise<number> {
  await using cairn = await startCairn("parts");
  const length = Math.floor(size / PARTS);
  for (let round = 0; round < rounds; round++) {
    const headers = { "Upload-Length": String(length), "Upload-Concat": "partial" };
    const urls = await Promise.all(Array.from({ length: PARTS }, () => create(cairn.http, headers)));
    await time("parts", () => Promise.all(urls.map((url, i) => sendPart(url, i * length, length))));
    let joined = "";
    await time("join", async () => {
      joined = await create(cairn.http, { "Upload-Concat": `final;${urls.join(" ")}` });
    });
    await fetch(joined, { method: "DELETE", headers: TUS });
    await shell("sync");
  }
  return peakMemory(cairn.pid);
}

async function measureMany(): Promise<number> {
  await using cairn = await startCairn("many");
  const length = Math.floor(size / MANY);
  const headers = { "Upload-Length": String(length) };
  const urls = await Promise.all(Array.from({ length: MANY }, () => create(cairn.http, headers)));
  await time("many", () => Promise.all(urls.map((url, i) => sendPart(url, i * length, length))));
  return peakMemory(cairn.pid);
}

function startCairn(name: string): Promise<Cairn> {
  return Cairn.start({
    database: folder.at(`${name}.sqlite`),
    flags: ["--workers", "0", "--log-level", "warn"],
  });
}

async function startTus(runtime: "bun" | "node", script: string): Promise<Rival> {
  await mkdir(folder.at(runtime));
  const program = await Program.start([runtime === "bun" ? BUN : "node", script, folder.at(runtime)]);
  const [, port] = await program.untilLine(/^port (\d+)$/m);
  const end = async () => {
    await program.end();
  };
  return { origin: `http://127.0.0.1:${port}`, pid: program.pid, [Symbol.asyncDispose]: end };
}

/** Node runs no TypeScript in its older versions. */
async function bundled(script: string): Promise<string> {
  const naming = "tus-node-server.mjs";
  await Bun.build({ entrypoints: [script], target: "node", outdir: folder.at("built"), naming });
  return folder.at("built", naming);
}

async function create(origin: string, headers: Record<string, string>): Promise<string> {
  const answer = await fetch(`${origin}/uploads`, { method: "POST", headers: { ...TUS, ...headers } });
  if (answer.status !== 201) throw new Error(`${origin} answered ${answer.status}: ${await answer.text()}`);
  return new URL(answer.headers.get("location") ?? "", origin).href;
}

/** One PATCH with all of the file. */
async function upload(what: string, origin: string): Promise<void> {
  const url = await create(origin, { "Upload-Length": String(size) });
  await time(what, () => curl("-X", "PATCH", "-T", file, ...PATCH, url));
  await fetch(url, { method: "DELETE", headers: TUS });
}

async function sendPart(url: string, offset: number, length: number): Promise<void> {
  const patch = ["curl", "-sf", "-X", "PATCH", "-T", "-", ...PATCH, url].map((word) => `'${word}'`).join(" ");
  await shell(`tail -c +${offset + 1} '${file}' | head -c ${length} | ${patch}`);
}

async function curl(...args: readonly string[]): Promise<void> {
  const { code } = await run(["curl", "-sf", "-o", "/dev/null", ...args], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`curl ended with ${code}: ${args.join(" ")}`);
}

async function readMany(what: string, url: string): Promise<void> {
  const command = [BUN, `${ROOT}bench/transfer/readers.ts`, url, String(size), "1000", "1048576"];
  const { stdout, output } = await run(command, { timeoutMs: 600_000 });
  if (stdout === "") throw new Error(output);
  note(what, Number(stdout));
}

async function time(what: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  note(what, (performance.now() - start) / 1000);
}

function note(what: string, seconds: number): void {
  taken.set(what, [...(taken.get(what) ?? []), seconds]);
}

async function shell(line: string): Promise<void> {
  const { code, output } = await run(["sh", "-c", line], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${line}: ${output}`);
}

async function write(): Promise<void> {
  const gb = `${(size / 1_073_741_824).toFixed(2)} GiB`;
  const rows = [
    row(`${gb} by tus, one PATCH, against @tus/server on Bun`, "ours", "@tus/server on Bun", 2),
    row("the same against @tus/server on Node", "ours", "@tus/server on Node", 2),
    row("the same against `cat > file && sync && sha256sum`", "ours", "cat", 0.7),
    row("the same against `dd conv=fsync`, which only writes", "ours", "dd"),
    row("the same against a Bun server that throws the bytes away", "ours", "discard"),
    row(`${gb} download against nginx`, "download", "nginx", 0.9),
    row("1,000 readers of 1 MiB ranges at once against nginx", "readers", "nginx readers", 0.9),
  ];
  const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(0)} MiB`;
  const most = Math.max(memory.one, memory.parts) / 1_048_576;
  const missed = rows.filter((one) => one.missed).map(({ what }) => what);
  if (most > 150) missed.push("memory of 150 MiB");
  const lines = [
    "## Files of 1 GiB (`bench/transfer`)",
    "",
    missed.length > 0 ? `Missed: ${missed.join("; ")}.` : "All aims are reached.",
    "",
    "| what | ours | peer | ratio | aim |",
    "|---|---|---|---|---|",
    ...rows.map(({ text }) => text),
    "",
    `- in ${PARTS} parts at once: ${seconds("parts")}, then joined to one file: ${seconds("join")}`,
    `- memory of the server, at most: ${mib(memory.one)} for all of the table, ${mib(memory.parts)} for the parts (aim: 150 MiB), ${mib(memory.many)} for ${MANY} uploads at once`,
    "",
    `Medians of ${rounds} rounds, ours and the peers' in turn. A ratio above 1 is in our favour. Ours is synced to the disk and has its SHA-256 computed; neither`,
    "tus's file store nor nginx does that. What limits an upload: [decision 16](decisions/0016-large-uploads-are-hashed-beside.md).",
  ];
  await report("transfer", lines.join("\n"), [
    { what: `${gb} up by tus`, rival: "@tus/server on Bun", times: ratio("ours", "@tus/server on Bun") },
    { what: `${gb} up by tus`, rival: "@tus/server on Node", times: ratio("ours", "@tus/server on Node") },
    { what: `${gb} down`, rival: "nginx", times: ratio("download", "nginx") },
    { what: "1,000 readers of 1 MiB ranges", rival: "nginx", times: ratio("readers", "nginx readers") },
  ]);
  console.log(lines.join("\n"));
}

function row(what: string, ours: string, peer: string, aim?: number) {
  const times = ratio(ours, peer);
  const text = `| ${what} | ${seconds(ours)} | ${seconds(peer)} | ${times.toFixed(2)} | ${aim ?? ""} |`;
  return { what, text, missed: aim !== undefined && times < aim };
}

/** How many times as fast as the peer, round by round. */
function ratio(ours: string, peer: string): number {
  const theirs = taken.get(peer) ?? [];
  return median((taken.get(ours) ?? []).map((value, i) => (theirs[i] ?? Number.NaN) / value));
}

function seconds(what: string): string {
  return `${median(taken.get(what) ?? []).toFixed(2)} s`;
}
