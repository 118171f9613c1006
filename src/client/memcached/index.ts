// The published surface: `import { openLargeFiles } from "cairn-store/memcached"`.

export { type Code, Fault, isFault } from "../../wire/faults.ts";
export {
  AlreadyExists,
  Corrupt,
  Evicted,
  NotFound,
  NotMemcached,
  OutOfMemory,
  Replaced,
  ServerUnreachable,
  TooLarge,
} from "./errors.ts";
export type { Garbage, GarbageOptions } from "./garbage.ts";
export type { Distribution } from "./ketama.ts";
export { LargeFiles, openLargeFiles } from "./large-files.ts";
export type { StoredFile } from "./manifest.ts";
export type { ReadOptions, RetrieveOptions, Verified } from "./read.ts";
export type { Repaired, RepairOptions } from "./repair.ts";
export type { Retrieval } from "./retrieval.ts";
export { CHUNK_SIZE, type LargeFilesOptions, MAX_SIZE } from "./settings.ts";
export type { Source } from "./source.ts";
export type { Progress, Stored, StoreOptions } from "./upload.ts";
