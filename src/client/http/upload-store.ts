// Where the addresses of unfinished uploads are kept, so that another process or page can take them up.

/** Keys and values are plain text. A store that forgets costs only that an upload begins anew. */
export interface UploadStore {
  get(key: string): Promise<string | undefined>;
  set(key: string, value: string): Promise<void>;
  delete(key: string): Promise<void>;
}

/** One upload that is under way: its parts in order, each an upload of its own; a single one is no part. */
export interface UploadNote {
  readonly size: number;
  readonly parts: readonly NotedPart[];
}

export interface NotedPart {
  readonly url: string;
  /** Bytes of the source, `[start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** The note in `text`; undefined for anything that is none, or is of another size. */
export function readNote(text: string | undefined, size: number): UploadNote | undefined {
  if (text === undefined) return undefined;
  let value: Partial<UploadNote>;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (value?.size !== size || !Array.isArray(value.parts) || value.parts.length === 0) return undefined;
  let at = 0;
  for (const part of value.parts as Partial<NotedPart>[]) {
    if (typeof part?.url !== "string" || !/^https?:\/\//.test(part.url)) return undefined;
    if (part.start !== at || !Number.isSafeInteger(part.end) || Number(part.end) < at) return undefined;
    at = Number(part.end);
  }
  return at === size ? (value as UploadNote) : undefined;
}
