// Files and what uploads need, in memory, for tests of the rules of uploads.

import { MemoryBlobs } from "../../src/adapters/memory/blobs.ts";
import { MemoryRecords } from "../../src/adapters/memory/records.ts";
import { MemoryStaging } from "../../src/adapters/memory/staging.ts";
import { Files } from "../../src/domain/files/files.ts";
import { Uploads } from "../../src/domain/uploads/uploads.ts";
import { ManualClock } from "./manual-clock.ts";
import { quietLog as log } from "./quiet-log.ts";

export function openMemoryRooms(records = new MemoryRecords()) {
  const blobs = new MemoryBlobs();
  const [staging, clock] = [new MemoryStaging(blobs), new ManualClock()];
  const files = new Files({ blobs, records, clock, log });
  const open = () => new Uploads({ staging, records, files, clock, log });
  return { blobs, records, staging, clock, files, log, open };
}
