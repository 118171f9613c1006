// A CSV reader for the reference aggregation: plain and whole, RFC 4180 with `\n`, `\r\n` or `\r` line ends.

export interface CsvRecord {
  /** From 1; line breaks inside quotes do not count. */
  readonly line: number;
  readonly fields: readonly string[];
  readonly text: string;
  /** Quoting that RFC 4180 does not know. */
  readonly malformed: boolean;
}

/** The records of `text`; blank lines are counted, but are no records. */
export function readRecords(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  for (let start = text.startsWith("\uFEFF") ? 1 : 0; start < text.length; line++) {
    const end = endOfRecord(text, start);
    const record = text.slice(start, end);
    if (record !== "") records.push({ line, text: record, ...fieldsOf(record) });
    start = end + (text.startsWith("\r\n", end) ? 2 : 1);
  }
  return records;
}

/** One record, with `\n`. */
export function writeRecord(fields: readonly string[]): string {
  const quoted = fields.map((field) => (/[",\r\n#]/.test(field) || field === "" ? quote(field) : field));
  return `${quoted.join(",")}\n`;
}

function quote(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}

function endOfRecord(text: string, start: number): number {
  let quoted = false;
  for (let i = start; i < text.length; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (!quoted && (text[i] === "\n" || text[i] === "\r")) return i;
  }
  return text.length;
}

function fieldsOf(record: string): { readonly fields: string[]; readonly malformed: boolean } {
  const fields: string[] = [];
  let malformed = false;
  for (let at = 0; at <= record.length; at++) {
    const quoted = /"((?:[^"]|"")*)"(?=,|$)/y;
    quoted.lastIndex = at;
    const match = record[at] === '"' ? quoted.exec(record) : null;
    if (match) {
      fields.push((match[1] ?? "").replaceAll('""', '"'));
      at = quoted.lastIndex;
    } else {
      if (record[at] === '"') malformed = true;
      const comma = record.indexOf(",", at);
      const end = comma < 0 ? record.length : comma;
      fields.push(record.slice(at, end));
      at = end;
    }
  }
  return { fields, malformed };
}
