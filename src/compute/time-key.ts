// Time stamps of log lines as sort keys: ISO 8601 with any zone, and the variants that logs use.

/** Date and time by `T`, a space or `:`; fractions by point or comma; `Z`, `+hh:mm`, `+hhmm`, `+hh` or no zone (UTC). */
const STAMP =
  /^[["]?(\d{4})-(\d{2})-(\d{2})(?:[T :](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?(?: ?(Z|[+-]\d{2}(?::?\d{2})?)(?!\d))?)?/i;
const LONGEST = 64;
/** Makes seconds from the year 0 on positive. */
const EPOCH = 62_167_219_200 + 86_400;

/** Seconds and nanoseconds, big-endian; undefined when there is no time stamp at `from`, or no such moment. */
export function timeKey(line: Buffer, from: number): Uint8Array | undefined {
  const first = line[from] ?? 0;
  // Most continuation lines are told from one byte: a digit, a bracket or a quote begins a time stamp.
  if ((first < 48 || first > 57) && first !== 91 && first !== 34) return undefined;
  const match = STAMP.exec(line.toString("latin1", from, Math.min(line.length, from + LONGEST)));
  if (!match) return undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] = match;
  const [mo, da, ho, mi, se] = [Number(month), Number(day), Number(hour), Number(minute), Number(second)];
  if (mo < 1 || mo > 12 || da < 1 || da > 31 || ho > 24 || mi > 59 || se > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), mo - 1, da);
  // The 31st of a shorter month would have become the next one's first.
  if (date.getUTCDate() !== da) return undefined;
  const seconds = date.getTime() / 1_000 + ho * 3_600 + mi * 60 + se - offsetOf(zone) + EPOCH;
  const key = Buffer.allocUnsafe(10);
  key.writeUIntBE(seconds, 0, 6);
  key.writeUInt32BE(Number(fraction.slice(0, 9).padEnd(9, "0")), 6);
  return key;
}

/** Seconds east of UTC. */
function offsetOf(zone: string): number {
  if (zone === "Z" || zone === "z") return 0;
  const sign = zone.startsWith("-") ? -1 : 1;
  return sign * (Number(zone.slice(1, 3)) * 3_600 + Number(zone.slice(3).replace(":", "") || 0) * 60);
}
