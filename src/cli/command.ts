// What a command is: a name, its options, and what it does. `main.ts` finds it and turns its faults into exit codes.

import type { Option, OptionValue } from "./option.ts";
import type { Output } from "./output.ts";

export interface Invocation {
  readonly positionals: readonly string[];
  /** By flag; parsed and checked (see option.ts). */
  readonly values: Readonly<Record<string, OptionValue>>;
  readonly output: Output;
  /** Aborted by SIGINT and SIGTERM: clean up and return. A second signal ends the process at once. */
  readonly signal: AbortSignal;
}

export interface Command {
  readonly name: string;
  /** A sentence or two for `cairn NAME --help`; the one line of `cairn --help` stands in commands.ts. */
  readonly description: string;
  /** The positionals: `NAME FILE`. */
  readonly usage: string;
  /** How many positionals it takes. */
  readonly arity: readonly [least: number, most: number];
  readonly options: readonly Option[];
  /** Throws a Fault to fail; its code decides the exit code (see exit-codes.ts). */
  run(invocation: Invocation): Promise<void>;
}
