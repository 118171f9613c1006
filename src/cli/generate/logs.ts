// Sorted log files as the usual generator of the merge protocol writes them, `YYYY-MM-DD_<serial>.log`.

import { type Random, seededRandom } from "./random.ts";

export type LogKind = "disjoint" | "interleaved" | "words";

export interface LogFile {
  readonly name: string;
  /** The whole content, sorted by its bytes. */
  readonly text: string;
}

export interface LogPlan {
  readonly days: number;
  /** Files per day. */
  readonly files: number;
  /** Lines per file. */
  readonly lines: number;
  /** The last day, `YYYY-MM-DD`. */
  readonly end: string;
  readonly kind: LogKind;
  readonly seed: number;
}

const AGENTS = [
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/76.0.3809.100 Safari/537.36",
  "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:68.0) Gecko/20100101 Firefox/68.0",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Safari/605.1.15",
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:68.0) Gecko/20100101 Firefox/68.0",
  "curl/7.64.0",
] as const;
const PATHS = [
  "/",
  "/search/",
  "/login/",
  "/static/app.js",
  "/api/v1/items/",
  "/about/",
  "/cart/checkout/",
] as const;
const DAY = 86_400_000;

/**
 * File after file, days going back from `end`. Kinds: `disjoint` lines are of the file's own share of its day;
 * `interleaved` of any second of the day, as the usual generator's; `words` are random words.
 */
export function* logFiles(plan: LogPlan): Generator<LogFile> {
  const random = seededRandom(plan.seed);
  const last = Date.parse(`${plan.end}T00:00:00Z`);
  for (let back = 0; back < plan.days; back += 1) {
    const day = new Date(last - back * DAY).toISOString().slice(0, 10);
    for (let serial = 0; serial < plan.files; serial += 1) {
      const lines = Array.from({ length: plan.lines }, lineMaker(plan, day, serial, random));
      // All ASCII, so JavaScript's order is that of the bytes.
      lines.sort();
      yield { name: `${day}_${serial}.log`, text: lines.length === 0 ? "" : `${lines.join("\n")}\n` };
    }
  }
}

function lineMaker({ kind, files }: LogPlan, day: string, serial: number, random: Random): () => string {
  if (kind === "words")
    return () => Array.from({ length: 3 + random.below(8) }, () => word(random)).join(" ");
  const share = kind === "disjoint" ? Math.max(1, Math.floor(86_400 / files)) : 86_400;
  const first = kind === "disjoint" ? (serial * share) % 86_400 : 0;
  return () => {
    const ip = `10.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
    return `${day}:${timeOf(first + random.below(share))} ${ip} ${random.pick(AGENTS)} ${random.pick(PATHS)}`;
  };
}

function timeOf(second: number): string {
  const parts = [Math.floor(second / 3_600), Math.floor(second / 60) % 60, second % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

function word(random: Random): string {
  let text = "";
  for (let left = 2 + random.below(9); left > 0; left -= 1)
    text += String.fromCharCode(97 + random.below(26));
  return text;
}
