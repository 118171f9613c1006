// The lines that ask for a listing: `stats` with its topics, and `lru_crawler`.

import type { Command } from "./commands.ts";
import { readInteger } from "./numbers.ts";

/** memcached knows slab classes 1 to 63; all items here are told as those of the first. */
const SLAB_CLASSES = 64;
const ONLY_CLASS = 1;

/** `words`: those of the line, the command's name first. */
export function readStats(words: readonly string[], into: Command[]): undefined {
  const [, topic = "", first, second] = words;
  if (topic === "cachedump") return readCachedump(first, second, into);
  if (topic !== "detail") return void into.push({ kind: "stats", topic });
  switch (first) {
    case "dump":
      return say(into, "END");
    case "off":
      return say(into, "OK");
    case "on":
      return say(into, "CLIENT_ERROR figures by key prefix are not kept here");
    default:
      return say(into, "CLIENT_ERROR usage: stats detail on|off|dump");
  }
}

function readCachedump(first: string | undefined, second: string | undefined, into: Command[]): undefined {
  if (first === undefined || second === undefined) return say(into, "CLIENT_ERROR bad command line");
  const slab = integer(first);
  const limit = integer(second);
  if (!(slab >= 0 && limit >= 0)) return say(into, "CLIENT_ERROR bad command line format");
  if (slab >= SLAB_CLASSES) return say(into, "CLIENT_ERROR Illegal slab id");
  if (slab !== ONLY_CLASS) return say(into, "END");
  return void into.push({ kind: "list", style: "cachedump", limit });
}

/** `lru_crawler metadump|mgdump all|hash|CLASS,…`. There is no LRU to crawl: nothing else of it has a meaning. */
export function readCrawler(words: readonly string[], into: Command[]): undefined {
  const [, verb, classes] = words;
  if (verb === "enable") return say(into, "OK");
  if ((verb !== "metadump" && verb !== "mgdump") || classes === undefined) return say(into, "ERROR");
  if (classes === "all" || classes === "hash") return void into.push({ kind: "list", style: verb, limit: 0 });
  const ids = classes.split(",").map(integer);
  if (!ids.every((id) => id >= 1 && id < SLAB_CLASSES)) return say(into, "BADCLASS invalid class id");
  if (!ids.includes(ONLY_CLASS)) return say(into, verb === "mgdump" ? "EN" : "END");
  return void into.push({ kind: "list", style: verb, limit: 0 });
}

function integer(word: string): number {
  return readInteger(Buffer.from(word, "latin1"), 0, word.length);
}

function say(into: Command[], text: string): undefined {
  into.push({ kind: "line", text, noreply: false });
}
