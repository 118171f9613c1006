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
import { fulfils } from "./condition.ts";
import { type CsvRecord, PLAIN, readRecords, writeRecord } from "./csv.ts";
import { parseDecimal, printDecimal, UNIT } from "./decimal.ts";

interface Plan {
  readonly width: number;
  readonly groupBy: readonly number[];
  readonly measures: readonly (Measure & { readonly position: number })[];
  readonly names: readonly string[];
  /** Whether `where` lets the row in. */
  readonly admits: (fields: readonly string[]) => boolean;
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
    const format = source.format ?? PLAIN;
    const text = await textOf(source, signal);
    const all = readRecords(text, format);
    onProgress(source.size);
    const header = format.header ? all[0]?.fields : all[0]?.fields.map((_, i) => `column${i + 1}`);
    const plan = planOf(header, query);
    const { groups, rejects, ...counts } = group(all.slice(format.header ? 1 : 0), plan, text);
    const lines = [...groups.values()]
      .sort((a, b) => compareKeys(a.key, b.key))
      .map((one) => lineOf(one, plan, query));
    return {
      ...counts,
      output: outputOf(query.output === "jsonl" ? lines : [writeRecord(plan.names), ...lines]),
      groups: groups.size,
      rejected: rejects.length,
      rejects: rejects.slice(0, 1_000),
      rejectsOutput: rejects.length === 0 ? null : outputOf([REJECTS_HEADER, ...rejects.map(rejectLine)]),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }
}

const REJECTS_HEADER = "line,position,reason,text\n";

function rejectLine({ line, position, reason, text }: RejectedRow): string {
  return writeRecord([String(line), String(position), reason, text]);
}

interface Grouped {
  readonly groups: ReadonlyMap<string, Group>;
  readonly rows: number;
  readonly excluded: number;
  readonly rejects: readonly RejectedRow[];
}

function group(records: readonly CsvRecord[], plan: Plan, text: string): Grouped {
  const groups = new Map<string, Group>();
  const rejects: RejectedRow[] = [];
  let [rows, excluded] = [0, 0];
  for (const record of records) {
    const reason = faultOf(record, plan);
    if (reason !== undefined) {
      const position = Buffer.byteLength(text.slice(0, record.start));
      rejects.push({ line: record.line, position, reason, text: record.text.slice(0, 1_000) });
    } else if (plan.admits(record.fields)) {
      rows++;
      const key = plan.groupBy.map((position) => record.fields[position] ?? "");
      const found = groups.get(JSON.stringify(key)) ?? { key, rows: [] };
      found.rows.push(record.fields);
      groups.set(JSON.stringify(key), found);
    } else excluded++;
  }
  return { groups, rows, excluded, rejects };
}

function lineOf(one: Group, { measures }: Plan, { groupBy, output = "csv" }: AggregationQuery): string {
  const values = measures.map((measure) => measured(measure, one));
  switch (output) {
    case "csv":
      return writeRecord([...one.key, ...values]);
    case "jsonl": {
      const texts = one.key.map((value, i) => `${JSON.stringify(groupBy[i])}:${JSON.stringify(value)}`);
      const numbers = values.map((value, i) => `${JSON.stringify(measures[i]?.name)}:${value}`);
      return `{${[...texts, ...numbers].join(",")}}\n`;
    }
    case "parquet":
      throw new Fault("unsupported-media", "the aggregation in memory does not write Parquet");
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

function planOf(header: readonly string[] | undefined, { groupBy, measures, where }: AggregationQuery): Plan {
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
  if (where) fulfils(where, (column) => String(position(column)));
  return {
    width: header?.length ?? 0,
    groupBy: groupBy.map(position),
    measures: measures.map((m) => ({ ...m, position: m.column === null ? -1 : position(m.column) })),
    names: [...groupBy, ...measures.map(({ name }) => name)],
    admits: (fields) => !where || fulfils(where, (column) => fields[position(column)] ?? ""),
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
