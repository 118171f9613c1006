// The answer to a meta command as a line: its code, then what was asked for in the order it was asked.

import type { MetaCommand } from "./commands.ts";
import type { MetaFacts, MetaReply } from "./replies.ts";

type Flagged = Exclude<MetaCommand, { readonly kind: "me" }>;

/** Which letters each command tells of an item; `O` and `k` it tells always. */
const TOLD = { mg: "stfclh", ms: "cs", md: "", ma: "ct" } as const;

/** Without its line end; undefined: the command is quiet, and this is what it expects. */
export function metaLine(command: MetaCommand, reply: MetaReply): string | undefined {
  if (command.kind === "me") return debugLine(command.key, reply);
  if (command.meta.quiet && isNominal(command, reply)) return undefined;
  const head = reply.value ? `VA ${reply.value.length}` : reply.code;
  const marks = reply.marks ? ` ${reply.marks}` : "";
  return head + flagsOf(command, reply) + marks;
}

function isNominal({ kind }: Flagged, { code, loud }: MetaReply): boolean {
  return kind === "mg" ? code === "EN" : code === "HD" && !loud;
}

function flagsOf(command: Flagged, { facts }: MetaReply): string {
  const { returns, opaque } = command.meta;
  let text = "";
  let ttl = facts?.ttl ?? 0;
  for (let i = 0; i < returns.length; i++) {
    const letter = returns[i] as string;
    if (letter === "T") ttl = facts?.touchedTtl ?? ttl;
    else if (letter === "N") ttl = facts?.madeTtl ?? ttl;
    else if (letter === "O") text += ` ${opaque}`;
    else if (letter === "k") text += ` k${keyOf(command, facts)}`;
    else if (TOLD[command.kind].includes(letter)) text += told(command, letter, facts, ttl);
  }
  return text;
}

function told(command: Flagged, letter: string, facts: MetaFacts | undefined, ttl: number): string {
  // Of what was not stored, memcached tells a unique of 0, and nothing else.
  if (!facts) return command.kind === "ms" && letter === "c" ? " c0" : "";
  switch (letter) {
    case "s":
      return ` s${facts.size}`;
    case "t":
      return ` t${ttl}`;
    case "f":
      return ` f${facts.flags}`;
    case "c":
      return ` c${facts.cas}`;
    case "l":
      return ` l${facts.idle}`;
    default:
      return ` h${facts.hit ? 1 : 0}`;
  }
}

/** As it was stored, if it was, else as it was given; a key in base64 is marked. */
function keyOf({ kind, key, meta }: Flagged, facts: MetaFacts | undefined): string {
  const binary = facts && kind !== "ma" ? facts.binaryKey : meta.binaryKey;
  return binary ? `${base64(key)} b` : key;
}

function debugLine(key: string, { code, facts, itemSize }: MetaReply): string {
  if (!facts) return code;
  const { ttl, idle, cas, hit, binaryKey } = facts;
  const name = binaryKey ? base64(key) : key;
  return `ME ${name} exp=${ttl} la=${idle} cas=${cas} fetch=${hit ? "yes" : "no"} cls=1 size=${itemSize ?? 0}`;
}

function base64(key: string): string {
  return Buffer.from(key, "latin1").toString("base64");
}
