// Reads golden transcripts of the memcached protocol; the signs are explained in test/golden/retrieval.txt.

export type Server = "cairn" | "memcached";

export interface Section {
  readonly name: string;
  readonly input: string;
  /** Expected output, a regular expression; undefined: this server is not asked. */
  readonly output: Readonly<Record<Server, RegExp | undefined>>;
  readonly closes: Readonly<Record<Server, boolean>>;
}

const SERVERS = { "<c": "cairn", "<m": "memcached" } as const;

export function readTranscript(text: string): readonly Section[] {
  return text
    .split(/^== /m)
    .slice(1)
    .map((section) => readSection(section.split("\n")));
}

function readSection([name = "", ...lines]: readonly string[]): Section {
  let input = "";
  const output: Record<Server, string | undefined> = { cairn: "", memcached: "" };
  const closes = { cairn: false, memcached: false };
  for (const line of lines) {
    if (line.startsWith(">|")) input += literal(line.slice(2));
    else if (line.startsWith(">")) input += `${literal(line.slice(2))}\r\n`;
    else if (line === "!") closes.cairn = closes.memcached = true;
    else if (line.startsWith("<")) readOutput(line, output, closes);
    else if (line !== "") throw new Error(`cannot read ${JSON.stringify(line)} in ${name}`);
  }
  return {
    name,
    input,
    output: { cairn: pattern(output.cairn), memcached: pattern(output.memcached) },
    closes,
  };
}

function readOutput(
  line: string,
  output: Record<Server, string | undefined>,
  closes: Record<Server, boolean>,
): void {
  const only = SERVERS[line.slice(0, 2) as keyof typeof SERVERS];
  const text = line.slice(only ? 3 : 2);
  for (const server of only ? [only] : (["cairn", "memcached"] as const)) {
    if (only && text === "!") closes[server] = true;
    else if (only && text === "skip") output[server] = undefined;
    else output[server] += `${literal(text)}\r\n`;
  }
}

function literal(text: string): string {
  return text
    .replace(/\{([^{}*]+)\*(\d+)\}/g, (_, piece: string, times: string) => piece.repeat(Number(times)))
    .replace(/\\(?:x([0-9a-f]{2})|([rnt]))/g, (_, hex: string | undefined, letter: string) =>
      hex ? String.fromCharCode(Number.parseInt(hex, 16)) : ({ r: "\r", n: "\n", t: "\t" }[letter] ?? ""),
    );
}

function pattern(text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  const escaped = text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replaceAll("\\{n\\}", "\\d+");
  return new RegExp(`^${escaped}$`);
}
