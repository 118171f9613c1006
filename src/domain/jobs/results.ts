// The result of a job as a file: one per job, however often the job was started.

import type { Clock } from "../../ports/clock.ts";
import type { FileRecord } from "../../ports/records.ts";
import type { Files } from "../files/files.ts";
import type { JobContext } from "./kind.ts";
import { paced } from "./paced.ts";

export interface ResultsOptions {
  readonly files: Pick<Files, "get" | "remove" | "store">;
  readonly clock: Clock;
  /** Milliseconds until a result may be removed; null: never. */
  readonly lifetime: number | null;
}

export class Results {
  readonly #options: ResultsOptions;

  constructor(options: ResultsOptions) {
    this.#options = options;
  }

  /**
   * Stores `source` as the file of this job; its id is the job's, so that an attempt which died after storing it,
   * but before saying so, leaves no second one. `part` names a file beside the result.
   */
  async store(
    context: JobContext,
    { name, mediaType }: { readonly name: string; readonly mediaType: string },
    source: AsyncIterable<Uint8Array>,
    { part }: { readonly part?: string } = {},
  ): Promise<FileRecord> {
    const { files, clock, lifetime } = this.#options;
    const { job, signal } = context;
    const id = part === undefined ? job.id : `${job.id}-${part}`;
    if (await files.get(id)) await files.remove(id);
    const expiresAt = lifetime === null ? null : clock.now() + lifetime;
    return files.store({ id, name, mediaType, origin: `job:${job.id}`, expiresAt }, paced(source, signal), {
      signal,
    });
  }

  /** Removes a part of a result whose other parts did not come to be. */
  discard(file: FileRecord): Promise<void> {
    return this.#options.files.remove(file.id);
  }
}
