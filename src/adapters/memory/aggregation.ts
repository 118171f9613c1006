// Aggregation in plain TypeScript: the reference, exact by BigInt, that keeps everything in memory.

import type {
  Aggregation,
  AggregationQuery,
  AggregationResult,
  AggregationSource,
  Measure,
  RejectedRow,
} from "../../ports/aggregation.ts";
import { Fault } from "../../wire/faults.ts";
import { type CsvRecord, readRecords, writeRecord } from "./csv.ts";

/** Numbers are held in billionths. */
const PLACES = 9n;
const UNIT = 10n ** PLACES;
const LIMIT = 10n ** 38n;

interface Plan {
  readonly width: number;
  readonly groupBy: readonly number[];
  readonly measures: readonly (Measure & { readonly position: number })[];
  readonly names: readonly string[];
}

interface Group {
  readonly key: readonly string[];
  readonly rows: (readonly string[])[];
}

export class MemoryAggregation implements Aggregation {
  async aggregate(
    source: AggregationSource,
    query: AggregationQuery,
    {
      signal,
      onProgress,
    }: { readonly signal: AbortSignal; readonly onProgress: (doneBytes: number) => void },
  ): Promise<AggregationResult> {
    signal.throwIfAborted();
    const [header, ...records] = readRecords(await textOf(source, signal));
    onProgress(source.size);
    const plan = planOf(header?.fields, query);
    const rejects: RejectedRow[] = [];
    const groups = new Map<string, Group>();
    let rows = 0;
    for (const record of records) {
      const reason = faultOf(record, plan);
      if (reason !== undefined) {
        rejects.push({ line: record.line, reason, text: record.text.slice(0, 1_000) });
        continue;
      }
      rows++;
      const key = plan.groupBy.map((position) => record.fields[position] ?? "");
      const group = groups.get(JSON.stringify(key)) ?? { key, rows: [] };
      group.rows.push(record.fields);
      groups.set(JSON.stringify(key), group);
    }
    const sorted = [...groups.values()].sort((a, b) => compareKeys(a.key, b.key));
    const lines = sorted.map((group) =>
      writeRecord([...group.key, ...plan.measures.map((m) => measured(m, group))]),
    );
    return {
      output: outputOf([writeRecord(plan.names), ...lines]),
      groups: groups.size,
      rows,
      rejected: rejects.length,
      rejects: rejects.slice(0, 1_000),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

async function textOf({ content }: AggregationSource, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  const source = "path" in content ? Bun.file(content.path).stream() : content;
  for await (const piece of source) {
    signal.throwIfAborted();
    pieces.push(piece);
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(pieces));
}

function planOf(header: readonly string[] | undefined, { groupBy, measures }: AggregationQuery): Plan {
  const names = header?.map((name) => name.trim().toLowerCase());
  const position = (name: string): number => {
    const wanted = name.trim().toLowerCase();
    const first = names?.indexOf(wanted) ?? 0;
    if (first < 0) {
      throw new Fault("invalid", `the file has no column ${JSON.stringify(name)}`, {
        hint: `Its columns are: ${header?.map((column) => JSON.stringify(column)).join(", ")}.`,
      });
    }
    if (names?.includes(wanted, first + 1)) {
      throw new Fault("invalid", `the file has more than one column ${JSON.stringify(name)}`);
    }
    return first;
  };
  return {
    width: header?.length ?? 0,
    groupBy: groupBy.map(position),
    measures: measures.map((m) => ({ ...m, position: m.column === null ? -1 : position(m.column) })),
    names: [...groupBy, ...measures.map(({ name }) => name)],
  };
}

function faultOf({ fields, malformed, text }: CsvRecord, { width, measures }: Plan): string | undefined {
  if (text.includes("\uFFFD")) return "the row is not UTF-8 text";
  if (malformed) return "a quote is not closed";
  const forgiven = fields.length === width + 1 && text.endsWith(",");
  if (fields.length !== width && !forgiven) return `expected ${width} columns, found ${fields.length}`;
  for (const { of, column, position } of measures) {
    const value = fields[position] ?? "";
    if (column !== null && of !== "count" && parseDecimal(value) === undefined) {
      return `${column}: ${JSON.stringify(value)} is not a number`;
    }
  }
  return undefined;
}

function measured({ of, column, position }: Plan["measures"][number], { rows }: Group): string {
  if (of === "count") {
    return String(column === null ? rows.length : rows.filter((fields) => fields[position] !== "").length);
  }
  const numbers = rows.map((fields) => parseDecimal(fields[position] ?? "") ?? 0n);
  const sum = numbers.reduce((a, b) => a + b, 0n);
  switch (of) {
    case "sum":
      return printDecimal(sum);
    case "min":
      return printDecimal(numbers.toSorted(compareNumbers)[0] ?? 0n);
    case "max":
      return printDecimal(numbers.toSorted(compareNumbers).at(-1) ?? 0n);
    case "avg":
      return String(Number(sum) / Number(UNIT) / numbers.length);
  }
}

/** In billionths, rounded half away from zero; undefined for what is no number, or 10^29 and above. */
function parseDecimal(text: string): bigint | undefined {
  const match = /^\s*([+-]?)(\d+(?:_\d+)*)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?\s*$/.exec(text);
  if (!match) return undefined;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole.replaceAll("_", "") + fraction);
  const shift = BigInt(exponent) - BigInt(fraction.length) + PLACES;
  const value = shift >= 0n ? digits * 10n ** shift : divideRounded(digits, 10n ** -shift);
  if (value >= LIMIT) return undefined;
  return sign === "-" ? -value : value;
}

function divideRounded(value: bigint, divisor: bigint): bigint {
  return (value + divisor / 2n) / divisor;
}

function printDecimal(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(Number(PLACES) + 1, "0");
  const fraction = digits.slice(-Number(PLACES)).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -Number(PLACES))}${fraction && `.${fraction}`}`;
}

function compareNumbers(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** By code point, column by column. */
function compareKeys(a: readonly string[], b: readonly string[]): number {
  for (const [i, value] of a.entries()) {
    const order = Buffer.compare(Buffer.from(value), Buffer.from(b[i] ?? ""));
    if (order !== 0) return order;
  }
  return 0;
}

async function* outputOf(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(lines.join(""));
}
