// Which objects of a bucket are the log files of a range of days, and in which order they are merged.

import type { Bucket, BucketObject } from "../../ports/bucket.ts";
import { isDate } from "./dates.ts";

export interface LogObject extends BucketObject {
  readonly date: string;
  /** As spelt, of any number of digits. */
  readonly serial: string;
}

/**
 * The objects named `YYYY-MM-DD_<serial>` or `YYYY-MM-DD_<serial>.log` with a date from `start` to `end`, by date
 * and serial number. Foreign names are ignored. Lists only the part of the bucket that can hold them.
 */
export async function findLogObjects(
  bucket: Bucket,
  { start, end }: { readonly start: string; readonly end: string },
  signal: AbortSignal,
): Promise<readonly LogObject[]> {
  const found: LogObject[] = [];
  const prefix = commonPrefix(start, end);
  // Names begin with the date, so they are listed in its order: `start` itself comes before all of its names.
  for (let after: string | null = start; after !== null; ) {
    const page = await bucket.list(prefix, after, signal);
    for (const object of page.objects) {
      const log = logObjectOf(object);
      if (log && log.date >= start && log.date <= end) found.push(log);
    }
    const last = page.objects.at(-1)?.name.slice(0, end.length) ?? "";
    after = last > end ? null : page.next;
  }
  return found.sort(byDateAndSerial);
}

/** undefined for a foreign name. */
export function logObjectOf(object: BucketObject): LogObject | undefined {
  const match = /^(\d{4}-\d{2}-\d{2})_(\d+)(?:\.log)?$/.exec(object.name);
  const [date, serial] = [match?.[1], match?.[2]];
  if (date === undefined || serial === undefined || !isDate(date)) return undefined;
  return { ...object, date, serial };
}

function byDateAndSerial(a: LogObject, b: LogObject): number {
  return compare(a.date, b.date) || bySerial(a.serial, b.serial) || compare(a.name, b.name);
}

/** As numbers of any length: the longer one is greater once leading zeros are gone. */
function bySerial(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return x.length - y.length || compare(x, y);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
