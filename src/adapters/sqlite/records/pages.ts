// Pages of records: the SQL of a listing, and the cursor that says where its next page begins.

import type { Collections, PageQuery } from "../../../ports/records.ts";
import { Fault } from "../../../wire/faults.ts";
import { SQL_IMAGE_NAME } from "./file-rows.ts";
import { packDigest, packId } from "./packed-ids.ts";

export type Values = Record<string, string | number | Uint8Array | null>;

export interface Plan {
  readonly sql: string;
  readonly values: Values;
}

/** The rows of a page and one more, which tells that another page follows. Fault `invalid` for a foreign cursor. */
export function planPage(collection: keyof Collections, query: PageQuery): Plan {
  const values: Values = { limit: query.limit + 1 };
  const isByName = query.order === "name";
  const sides = namesOf(collection, query, values);
  const conditions = conditionsOf(collection, query, values);
  if (!conditions) return { sql: `SELECT * FROM ${collection} WHERE $limit < 0`, values: { limit: 0 } };
  if (isByName && collection === "files") return planFileNames(query, conditions, sides, values);
  if (query.prefix !== undefined)
    conditions.push(`((${sides.map((side) => side.join(" AND ")).join(") OR (")}))`);
  if (isByName) return planNames(query, conditions, values);
  if (query.after !== undefined) {
    values["sequence"] = readCursor(query.after, "newest").sequence;
    conditions.push("sequence < $sequence");
  }
  return { sql: select(collection, conditions, "sequence DESC"), values };
}

export function writeCursor(order: string, sequence: number, name: string): string {
  return Buffer.from(JSON.stringify([order, sequence, order === "name" ? name : ""])).toString("base64url");
}

/** Undefined when nothing can match. */
function conditionsOf(collection: keyof Collections, query: PageQuery, values: Values): string[] | undefined {
  const { sha256, blob, state } = query;
  if (collection === "uploads" ? (sha256 ?? blob) !== undefined : state !== undefined) return undefined;
  const conditions: string[] = [];
  if (state !== undefined) {
    conditions.push("state = $state");
    values["state"] = state;
  }
  if (sha256 !== undefined) {
    // Each of the two indexes over digests has one kind of files.
    conditions.push("((sha256 = $sha256 AND origin IS NULL) OR (sha256 = $sha256 AND origin IS NOT NULL))");
    values["sha256"] = packDigest(sha256);
  }
  if (blob !== undefined) {
    conditions.push("(blob = $blob OR (id = $blob AND blob IS NULL))");
    values["blob"] = packId(blob);
  }
  return conditions;
}

function planNames({ after }: PageQuery, conditions: string[], values: Values): Plan {
  if (after !== undefined) {
    Object.assign(values, readCursor(after, "name"));
    conditions.push("(name, sequence) > ($name, $sequence)");
  }
  return { sql: select("uploads", conditions, "name, sequence"), values };
}

/** What has a name of its own that begins with the prefix, and images, whose names are in the order of their digests. */
function namesOf(collection: keyof Collections, { prefix }: PageQuery, values: Values): string[][] {
  const named: string[] = [];
  const images = ["origin IS NULL", "name IS NULL"];
  if (prefix !== undefined) {
    // No UTF-8 text contains the byte FF, so this is the end of all names that begin with the prefix.
    const beginsSo = (name: string) => `${name} >= $prefix AND ${name} < $prefix || CAST(X'FF' AS TEXT)`;
    named.push(beginsSo("name"));
    values["prefix"] = prefix;
    if (collection === "uploads") return [named];
    images.push("sha256 BETWEEN $low AND $high", beginsSo(SQL_IMAGE_NAME));
    values["low"] = digestFloor(prefix);
    values["high"] = digestFloor(`${prefix}\u{10ffff}`);
  }
  return [named, images];
}

function planFileNames({ after }: PageQuery, conditions: string[], sides: string[][], values: Values): Plan {
  const [named, images] = sides.map((side) => [...conditions, ...side]) as [string[], string[]];
  named.push("name IS NOT NULL");
  if (after !== undefined) {
    const cursor = readCursor(after, "name");
    Object.assign(values, cursor, { floor: digestFloor(cursor.name) });
    named.push("(name, sequence) > ($name, $sequence)");
    images.push("sha256 >= $floor", `(${SQL_IMAGE_NAME}, sequence) > ($name, $sequence)`);
  }
  const sql = `SELECT * FROM (
    SELECT *, name AS shown FROM (${select("files", named, "name, sequence")})
    UNION ALL SELECT *, ${SQL_IMAGE_NAME} AS shown FROM (${select("files", images, "sha256, sequence")})
  ) ORDER BY shown, sequence LIMIT $limit`;
  return { sql, values };
}

/** No digest below it has a name at or behind `name`. */
export function digestFloor(name: string): Uint8Array {
  const [digits = ""] = /^[0-9a-f]{0,64}/.exec(name) ?? [];
  const next = name.charAt(digits.length);
  let floor = digits;
  if (digits.length < 64 && next > "9") {
    if (next <= "a") floor += "a";
    else {
      // Behind all names that begin with these digits.
      const kept = digits.replace(/f+$/, "");
      if (kept === "") return END;
      floor = kept.slice(0, -1) + (Number.parseInt(kept.slice(-1), 16) + 1).toString(16);
    }
  }
  return Buffer.from(floor.padEnd(64, "0"), "hex");
}

/** Behind every digest. */
const END = Buffer.alloc(33, 0xff);

function select(collection: keyof Collections, conditions: readonly string[], by: string): string {
  const where = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
  return `SELECT * FROM ${collection} ${where} ORDER BY ${by} LIMIT $limit`;
}

function readCursor(text: string, order: string): { sequence: number; name: string } {
  try {
    const [cursorOrder, sequence, name] = JSON.parse(Buffer.from(text, "base64url").toString());
    if (cursorOrder === order && Number.isSafeInteger(sequence) && typeof name === "string") {
      return { sequence, name };
    }
  } catch (cause) {
    throw foreign(text, cause);
  }
  throw foreign(text);
}

function foreign(text: string, cause?: unknown): Fault {
  return new Fault("invalid", `${JSON.stringify(text.slice(0, 80))} is not a cursor of this list`, { cause });
}
