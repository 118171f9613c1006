// The language of `where`: comparisons of columns with values, joined by and, or and not. Parsed here, never run as SQL.

import type { Condition, ConditionValue } from "../../ports/aggregation.ts";
import { Fault } from "../../wire/faults.ts";

/**
 * `Plays > 10 and (Song in ('a', 'b') or not "Release Date" is null)`. Columns are bare words or in double quotes,
 * texts in single quotes (doubled inside), numbers bare. `=`, `<>`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`, `not in (…)`,
 * `is null`, `is not null`; words in any case. Fault `invalid` says where it stopped understanding.
 */
export function parseCondition(text: string): Condition {
  const parser = new Parser(text);
  const condition = parser.any();
  parser.end();
  return condition;
}

interface Token {
  readonly kind: "word" | "column" | "text" | "number" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<column>"(?:[^"]|"")*")|(?<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))|(?<word>[\p{L}_][\p{L}\p{N}_]*)|(?<sign><>|!=|<=|>=|[=<>(),])|(?<end>$))/uy;
const COMPARISONS: ReadonlyMap<string, "=" | "<>" | "<" | "<=" | ">" | ">="> = new Map([
  ["=", "="],
  ["<>", "<>"],
  ["!=", "<>"],
  ["<", "<"],
  ["<=", "<="],
  [">", ">"],
  [">=", ">="],
]);
/** As the numbers in a file: see ports/aggregation.ts. */
const IN_RANGE = /^[+-]?0*\d{0,29}(?:\.\d*)?$/;
const DEEPEST = 50;

class Parser {
  readonly #text: string;
  #at = 0;
  #token: Token;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    this.#token = this.#read();
  }

  any(): Condition {
    if (++this.#depth > DEEPEST) throw this.#fault("it is nested too deeply");
    const of = [this.#all()];
    while (this.#take("or")) of.push(this.#all());
    this.#depth--;
    return join("or", of);
  }

  end(): void {
    if (this.#token.kind !== "end") throw this.#fault("expected and, or, or the end");
  }

  #all(): Condition {
    const of = [this.#one()];
    while (this.#take("and")) of.push(this.#one());
    return join("and", of);
  }

  #one(): Condition {
    let negated = false;
    while (this.#take("not")) negated = !negated;
    const condition = this.#take("(") ? this.#closed() : this.#comparison();
    return negated ? { is: "not", of: condition } : condition;
  }

  #closed(): Condition {
    const condition = this.any();
    this.#require(")");
    return condition;
  }

  #comparison(): Condition {
    const { kind, text } = this.#token;
    if (kind !== "word" && kind !== "column") throw this.#fault("expected a column");
    this.#next();
    const column = kind === "column" ? text.slice(1, -1).replaceAll('""', '"') : text;
    if (this.#take("is")) {
      const negated = this.#take("not");
      this.#require("null");
      const empty: Condition = { is: "empty", column };
      return negated ? { is: "not", of: empty } : empty;
    }
    const negated = this.#take("not");
    if (negated || this.#isNext("in")) {
      this.#require("in");
      const among: Condition = { is: "in", column, values: this.#list() };
      return negated ? { is: "not", of: among } : among;
    }
    const operator = COMPARISONS.get(this.#token.text);
    if (!operator || this.#token.kind !== "sign") throw this.#fault("expected a comparison, in, or is null");
    this.#next();
    return { is: "compare", column, operator, value: this.#value() };
  }

  #list(): ConditionValue[] {
    this.#require("(");
    const values = [this.#value()];
    while (this.#take(",")) values.push(this.#value());
    this.#require(")");
    return values;
  }

  #value(): ConditionValue {
    const { kind, text } = this.#token;
    if (kind !== "text" && kind !== "number") throw this.#fault("expected a number or a 'text'");
    if (kind === "number" && !IN_RANGE.test(text)) throw this.#fault("numbers below 10^29 are compared");
    this.#next();
    return kind === "number" ? { number: text } : { text: text.slice(1, -1).replaceAll("''", "'") };
  }

  #isNext(wanted: string): boolean {
    const { kind, text } = this.#token;
    return (kind === "word" || kind === "sign") && text.toLowerCase() === wanted;
  }

  #take(wanted: string): boolean {
    if (!this.#isNext(wanted)) return false;
    this.#next();
    return true;
  }

  #require(wanted: string): void {
    if (!this.#take(wanted)) throw this.#fault(`expected ${wanted}`);
  }

  #next(): void {
    this.#token = this.#read();
  }

  #read(): Token {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    const [kind, text] = Object.entries(match?.groups ?? {}).find(([, found]) => found !== undefined) ?? [];
    if (!match || kind === undefined) {
      throw this.#fault("this is neither a column, a value nor a sign", this.#at);
    }
    const at = TOKEN.lastIndex - (text?.length ?? 0);
    this.#at = TOKEN.lastIndex;
    return { kind: kind as Token["kind"], text: text ?? "", at };
  }

  #fault(what: string, at = this.#token.at): Fault {
    const rest = this.#text.slice(at, at + 40).trim();
    return new Fault("invalid", `where: ${what} at ${rest === "" ? "its end" : JSON.stringify(rest)}`, {
      hint: `For example: "Number of Plays" > 10 and Song in ('a', 'b') and not Date is null`,
    });
  }
}

function join(is: "and" | "or", of: readonly Condition[]): Condition {
  const [only] = of;
  return of.length === 1 && only ? only : { is, of };
}
