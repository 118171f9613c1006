// The dates of HTTP headers, in the three forms that RFC 9110 §5.6.7 has them, and in no other. Pure.

const DAYS = "Mon|Tue|Wed|Thu|Fri|Sat|Sun";
const LONG_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday";
const MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
const TIME = "\\d\\d:\\d\\d:\\d\\d";

const WITH_ZONE = new RegExp(
  `^(?:(?:${DAYS}), \\d\\d (?:${MONTHS}) \\d{4}|(?:${LONG_DAYS}), \\d\\d-(?:${MONTHS})-\\d\\d) ${TIME} GMT$`,
);
const ASCTIME = new RegExp(`^(?:${DAYS}) (?:${MONTHS}) [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Seconds since 1970; undefined for what is no date of HTTP, and is to be ignored. `Date.parse` alone takes `2100`, and half
 * of an ETag, for a date, and the form without a zone for local time.
 */
export function parseHttpDate(text: string): number | undefined {
  const date = text.trim();
  const ms = WITH_ZONE.test(date)
    ? Date.parse(date)
    : ASCTIME.test(date)
      ? Date.parse(`${date} GMT`)
      : Number.NaN;
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
