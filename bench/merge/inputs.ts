// The input files of the merge's benchmark: of the usual generator, or many gigabytes of its lines in seconds.

import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { type LogKind, logFiles } from "../../src/cli/generate/logs.ts";
import { seededRandom } from "../../src/cli/generate/random.ts";

/** `seconds`: lines of each second of one day in every file; `zones`: so, the time stamps of each file in a zone of its own. */
export type InputKind = LogKind | "seconds" | "zones";

export interface InputPlan {
  readonly kind: InputKind;
  readonly files: number;
  /** Of each file. */
  readonly lines: number;
}

const END = "2026-11-20";
const DAY_SECONDS = 86_400;
/** Different sets of lines that a second may have. */
const SETS = 64;
const ZONES = ["Z", "+02:00", "-05:00", "+05:30"] as const;

/** Writes the files into the new folder `into`; returns their bytes. */
export async function writeInputs(plan: InputPlan, into: string): Promise<number> {
  await mkdir(into);
  let bytes = 0;
  for (const { name, parts } of filesOf(plan)) {
    await using file = await open(join(into, name), "w");
    for (const part of parts) bytes += (await file.write(part)).bytesWritten;
  }
  return bytes;
}

function* filesOf({ kind, files, lines }: InputPlan): Generator<{ name: string; parts: Iterable<string> }> {
  if (kind === "seconds" || kind === "zones") {
    for (let serial = 0; serial < files; serial += 1) {
      const zone = kind === "zones" ? ZONES[serial % ZONES.length] : undefined;
      yield { name: `${END}_${serial}.log`, parts: secondsOf(serial, lines, zone) };
    }
    return;
  }
  const days = kind === "disjoint" ? files : Math.ceil(files / 10);
  const plan = { days, files: Math.ceil(files / days), lines, end: END, kind, seed: 7 };
  for (const { name, text } of logFiles(plan)) yield { name, parts: [text] };
}

/** Sorting a gigabyte of text is no part of this: each second takes one of a few sets of lines that are sorted already. */
function* secondsOf(serial: number, lines: number, zone: string | undefined): Generator<string> {
  const random = seededRandom(serial);
  const sets = Array.from({ length: SETS }, () => restsOfLines(random, Math.ceil(lines / DAY_SECONDS)));
  let block = "";
  for (let second = 0; second < DAY_SECONDS; second += 1) {
    const time = new Date(second * 1_000).toISOString().slice(11, 19);
    const stamp = zone === undefined ? `${END}:${time}` : `${END}T${time}${zone}`;
    // The first of a set is empty, so that each of the others follows a time stamp.
    block += random.pick(sets).join(stamp);
    if (block.length > 4_000_000 || second === DAY_SECONDS - 1) {
      yield block;
      block = "";
    }
  }
}

function restsOfLines(random: ReturnType<typeof seededRandom>, lines: number): string[] {
  const rests = Array.from({ length: lines }, () => {
    const ip = `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
    return ` ${ip} Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/76.0.3809.100 /items/${random.below(1e6)}\n`;
  });
  return ["", ...rests.sort()];
}
