// `cairn ascii`: a client of the image protocol. It sends images in chunks, takes them back and compares.

import { createHash } from "node:crypto";
import { Fault } from "../wire/faults.ts";
import { urlHost } from "../wire/hosts.ts";
import { download, type Image, type ImageServer, register, sendChunk } from "./ascii/client.ts";
import { LEVELS, type Level, type StepLog, stepLog } from "./ascii/step-log.ts";
import type { Command, Invocation } from "./command.ts";
import { asciiImage } from "./generate/images.ts";
import { type Random, randomSeed, seededRandom } from "./generate/random.ts";
import { addressOf } from "./transfers.ts";

/** Requests in flight at one time. */
const CONCURRENCY = 32;

export const ascii: Command = {
  name: "ascii",
  description:
    "Uploads text images by the image protocol in chunks, out of order, downloads and compares them.",
  usage: "",
  arity: [0, 0],
  options: [
    { flag: "files", type: "integer", default: "1", help: "how many images" },
    { flag: "chunksize", type: "integer", default: "256", help: "bytes of each chunk" },
    {
      flag: "host",
      type: "text",
      default: "127.0.0.1",
      help: "the server; user:password@ before it is sent as Basic authentication",
    },
    { flag: "port", type: "integer", default: "4444", help: "its image port" },
    { flag: "log-format", type: "choice", choices: ["text", "json"], default: "text", help: "of the steps" },
    { flag: "log-level", type: "choice", choices: LEVELS, default: "info", help: "debug shows each chunk" },
    { flag: "seed", type: "integer", help: "the same seed sends the same images  [random]" },
  ],
  run: runAscii,
};

async function runAscii({ values, output, signal }: Invocation): Promise<void> {
  const log = stepLog(output, {
    format: values["log-format"] === "json" ? "json" : "text",
    level: LEVELS.find((level) => level === values["log-level"]) ?? ("info" satisfies Level),
  });
  const count = numberOf(values["files"], "files", 0);
  const chunkSize = numberOf(values["chunksize"], "chunksize", 1);
  const port = numberOf(values["port"], "port", 1);
  const given = String(values["host"]);
  // A user and a password before it hold a colon, too.
  const at = given.includes("@") ? given : urlHost(given);
  const { url, headers } = addressOf(`http://${at}:${port}`);
  const server = { origin: url.origin, headers, signal };
  const seed = typeof values["seed"] === "number" ? values["seed"] : randomSeed();
  log("info", "client.started", { server: server.origin, files: count, chunksize: chunkSize, seed });
  const random = seededRandom(seed);
  for (let i = 0; i < count; i += 1)
    await sendImage(server, imageOf(asciiImage(random), chunkSize), random, log);
  output.line("SUCCESS!");
}

/** Registers, uploads, downloads and compares one image; checks that what is sent twice is refused. */
async function sendImage(server: ImageServer, image: Image, random: Random, log: StepLog): Promise<void> {
  const { sha256, size } = image;
  if (!(await register(server, image))) {
    throw new Fault("exists", `the image ${sha256} is registered already`, {
      hint: "The same -seed sends the same images: choose another, or leave it out.",
    });
  }
  log("info", "image.registered", { sha256, size });
  if (await register(server, image)) throw accepted(`the image ${sha256} was registered a second time`);
  const ids = shuffled(Math.ceil(size / image.chunkSize), random);
  await inParallel(ids, async (id) => {
    if (!(await sendChunk(server, image, id)))
      throw new Fault("exists", `chunk ${id} of ${sha256} exists already`);
    log("debug", "chunk.uploaded", { sha256, id });
  });
  log("info", "image.uploaded", { sha256, chunks: ids.length });
  const again = random.pick(ids);
  if (await sendChunk(server, image, again))
    throw accepted(`chunk ${again} of ${sha256} was taken a second time`);
  if ((await download(server, image)) !== image.text) {
    throw new Fault("corrupt", `the image ${sha256} came back different from what was sent`);
  }
  log("info", "image.verified", { sha256, size });
}

function imageOf(text: string, chunkSize: number): Image {
  const bytes = Buffer.from(text);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { text, sha256, size: bytes.length, chunkSize };
}

/** 0 to `count` - 1 in a random order. */
function shuffled(count: number, random: Random): readonly number[] {
  const ids = Array.from({ length: count }, (_, id) => id);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    const [a = 0, b = 0] = [ids[i], ids[j]];
    ids[i] = b;
    ids[j] = a;
  }
  return ids;
}

/** Does `work` for every id, a bounded number at one time; the first error ends it. */
async function inParallel(ids: readonly number[], work: (id: number) => Promise<void>): Promise<void> {
  const queue = ids.values();
  const lane = async () => {
    for (const id of queue) await work(id);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, ids.length) }, lane));
}

function accepted(what: string): Fault {
  return new Fault("conflict", `${what}: the server should have answered 409`);
}

function numberOf(value: unknown, flag: string, least: number): number {
  if (typeof value === "number" && value >= least) return value;
  throw new Fault("invalid", `-${flag}: ${value} is less than ${least}`);
}
