// Uploads and downloads of a large file, and many readers, each beside its peer in one run.
// Arguments: bytes of the large file (1073741824), rounds (3). Writes its section of docs/benchmarks.md.

import { mkdir, rm } from "node:fs/promises";
import { Cairn } from "../../test/support/cairn.ts";
import { BUN, ROOT, run } from "../../test/support/processes.ts";
import { temporaryFolder } from "../../test/support/temporary.ts";
import { median, report } from "../report.ts";
import { peakMemory, startNginx, startScript } from "./servers.ts";

const [size = 1_073_741_824, rounds = 3] = process.argv.slice(2).map(Number);
await using folder = await temporaryFolder();
const file = folder.at("served", "large");
await mkdir(folder.at("served"));
await shell(`head -c ${size} /dev/urandom > '${file}'`);

const uploads = await measureUploads();
const downloads = await measureDownloads();
await write();

interface Pairs {
  readonly ours: number[];
  readonly rival: number[];
}

async function measureUploads() {
  const [tus, limit]: Pairs[] = [pairs(), pairs()] as [Pairs, Pairs];
  await using cairn = await Cairn.start({
    database: folder.at("u.sqlite"),
    flags: ["--workers", "0", "--log-level", "warn"],
  });
  await mkdir(folder.at("tus"));
  await using rival = await startScript("transfer/tus-node-server", folder.at("tus"));
  for (let round = 0; round < rounds; round++) {
    const ours = await uploadTo(cairn.http, true);
    tus.ours.push(ours);
    tus.rival.push(await uploadTo(rival.origin, false));
    limit.ours.push(ours);
    limit.rival.push(
      await seconds(() =>
        shell(
          `cat '${file}' > '${folder.at("copy")}' && sync '${folder.at("copy")}' && sha256sum '${folder.at("copy")}'`,
        ),
      ),
    );
    await rm(folder.at("copy"));
    await shell(`rm -f '${folder.at("tus")}'/*`);
    await shell("sync");
  }
  return { tus, limit, memory: await peakMemory(cairn.pid) };
}

/** Creates an upload and sends the file in one PATCH; returns seconds. */
async function uploadTo(origin: string, remove: boolean): Promise<number> {
  const headers = { "tus-resumable": "1.0.0", "upload-length": String(size) };
  const created = await fetch(`${origin}/uploads`, { method: "POST", headers });
  const url = new URL(created.headers.get("location") ?? "", origin).href;
  const taken = await seconds(async () => {
    const curl = [
      "curl",
      "-sf",
      "-o",
      "/dev/null",
      "-X",
      "PATCH",
      "-T",
      file,
      "-H",
      "Expect:",
      "-H",
      "Tus-Resumable: 1.0.0",
    ];
    const { code } = await run(
      [...curl, "-H", "Upload-Offset: 0", "-H", "Content-Type: application/offset+octet-stream", url],
      { timeoutMs: 600_000 },
    );
    if (code !== 0) throw new Error(`curl ended with ${code} on ${url}`);
  });
  if (remove) await fetch(url, { method: "DELETE", headers });
  return taken;
}

async function measureDownloads() {
  const [whole, many] = [pairs(), pairs()];
  await using cairn = await Cairn.start({
    database: folder.at("d.sqlite"),
    flags: ["--workers", "0", "--log-level", "warn"],
  });
  await using nginx = await startNginx(folder.at("nginx"), folder.at("served"));
  const stored = await run(["curl", "-sf", "-T", file, `${cairn.http}/files/large`], { timeoutMs: 600_000 });
  const ours = `${cairn.http}${(JSON.parse(stored.stdout) as { url: string }).url}`;
  const theirs = `${nginx.origin}/large`;
  for (let round = 0; round < rounds; round++) {
    whole.ours.push(await download(ours));
    whole.rival.push(await download(theirs));
    many.ours.push(await readMany(ours));
    many.rival.push(await readMany(theirs));
  }
  return { whole, many, memory: await peakMemory(cairn.pid) };
}

function download(url: string): Promise<number> {
  return seconds(async () => {
    const { code } = await run(["curl", "-sf", "-o", "/dev/null", url], { timeoutMs: 600_000 });
    if (code !== 0) throw new Error(`curl ended with ${code} on ${url}`);
  });
}

async function readMany(url: string): Promise<number> {
  const { stdout, output } = await run(
    [BUN, `${ROOT}bench/transfer/readers.ts`, url, String(size), "1000", "1048576"],
    {
      timeoutMs: 600_000,
    },
  );
  if (stdout === "") throw new Error(output);
  return Number(stdout);
}

async function write(): Promise<void> {
  const gb = (size / 1_073_741_824).toFixed(2);
  const rows = [
    row(`${gb} GiB by tus, one PATCH, against @tus/server with @tus/file-store on Bun`, uploads.tus, 2, "s"),
    row(`the same against \`cat > file && sync && sha256sum\``, uploads.limit, 0.7, "s"),
    row(`${gb} GiB download against nginx`, downloads.whole, 0.9, "s"),
    row("1,000 readers of 1 MiB ranges at once against nginx", downloads.many, 0.9, "s"),
  ];
  const memory = Math.max(uploads.memory, downloads.memory) / 1_048_576;
  const facts = [
    { text: `memory of the server, at most: ${memory.toFixed(0)} MiB (aim: 150)`, missed: memory > 150 },
  ];
  const missed = [...rows, ...facts]
    .filter((one) => one.missed)
    .map(({ text }) => text.split(" | ")[0]?.replace(/^\| /, ""));
  const lines = [
    "## Uploads and downloads (`bench/transfer`)",
    "",
    missed.length > 0 ? `Missed: ${missed.join("; ")}.` : "All aims are reached.",
    "",
    "| what | ours | peer | ratio | aim |",
    "|---|---|---|---|---|",
    ...rows.map(({ text }) => text),
    "",
    ...facts.map(({ text }) => `- ${text}`),
    "",
    `Medians of ${rounds} rounds, ours and the peer's in turn. A ratio above 1 is in our favour. Ours is fsynced and has its SHA-256 computed; neither`,
    "tus's file store nor nginx does that. The machine was shared with other work while this was measured.",
  ];
  await report("transfer", lines.join("\n"));
  console.log(lines.join("\n"));
}

function row(what: string, { ours, rival }: Pairs, aim: number, unit: "s" | "/s") {
  const ratios = ours.map((value, i) => (unit === "s" ? (rival[i] ?? 0) / value : value / (rival[i] ?? 1)));
  const ratio = median(ratios);
  const show = (value: number) => (unit === "s" ? `${value.toFixed(2)} s` : `${value.toFixed(0)}/s`);
  const text = `| ${what} | ${show(median(ours))} | ${show(median(rival))} | ${ratio.toFixed(2)} | ${aim} |`;
  return { text, missed: ratio < aim };
}

function pairs(): Pairs {
  return { ours: [], rival: [] };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function shell(line: string): Promise<void> {
  const { code, output } = await run(["sh", "-c", line], { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${line}: ${output}`);
}
