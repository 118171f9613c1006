// What a fold does to the list of files that are large values, and which of them no item has when it is done.

import type { PlaceRow, Statements } from "./schema.ts";
import { nameOf } from "./value-file.ts";

export class FoldedValues {
  readonly #sql: Statements;
  /** Names; meant once the transaction is on the disk. */
  readonly unlisted = new Set<string>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** A command stored it: no item has it in the end, but if it is given to `replace`. */
  stored(name: string): void {
    this.unlisted.add(name);
  }

  /** No item is left. */
  flush(): void {
    for (const { name } of this.#sql.spooledNames.all()) this.unlisted.add(name);
    this.#sql.removeAllSpooled.run();
  }

  /** The item has this value now, in place of what the row tells; undefined: none that is large. */
  replace(row: Pick<PlaceRow, "file"> | null, description: Uint8Array | undefined): void {
    const old = row?.file ?? null;
    const name = description ? nameOf(description) : null;
    if (name !== null) this.unlisted.delete(name);
    if (name === old) return;
    if (old !== null) {
      this.#sql.removeSpooled.run(old);
      this.unlisted.add(old);
    }
    if (name !== null) this.#sql.addSpooled.run(name);
  }
}
