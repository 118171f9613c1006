// Time stamps of log lines as sort keys of bytes.

import { TimeStamp } from "./time-stamp.ts";

/** Makes the seconds positive: a zone may reach before the year 0. */
const DAYS_BEFORE = 10 * 86_400;

const stamp = new TimeStamp();

/** Seconds and nanoseconds, big-endian; undefined when there is no time stamp at `from`, or no such moment. */
export function timeKey(line: Uint8Array, from: number): Uint8Array | undefined {
  if (!stamp.read(line, from, line.length)) return undefined;
  const key = Buffer.allocUnsafe(10);
  key.writeUIntBE(stamp.seconds + DAYS_BEFORE, 0, 6);
  key.writeUInt32BE(stamp.nanoseconds, 6);
  return key;
}
