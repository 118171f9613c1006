// Stores of bytes and records, opened in a temporary folder the way the program composes them.

import { DiskBlobs } from "../../src/adapters/disk/blobs.ts";
import { DiskStaging } from "../../src/adapters/disk/staging.ts";
import { SMALL_LIMIT, SqliteBlobs } from "../../src/adapters/sqlite/records/blobs.ts";
import { openRecordsDatabase, type RecordsDatabase } from "../../src/adapters/sqlite/records/database.ts";
import { isSmallId } from "../../src/adapters/sqlite/records/packed-ids.ts";
import { SqliteRecords } from "../../src/adapters/sqlite/records/records.ts";
import { SqliteStaging } from "../../src/adapters/sqlite/records/staging.ts";
import { TieredBlobs } from "../../src/adapters/tiered/blobs.ts";
import { TieredStaging } from "../../src/adapters/tiered/staging.ts";
import { temporaryFolder } from "./temporary.ts";

export interface ByteStores extends AsyncDisposable {
  readonly database: RecordsDatabase;
  readonly records: SqliteRecords;
  readonly small: { readonly blobs: SqliteBlobs; readonly staging: SqliteStaging };
  readonly large: { readonly blobs: DiskBlobs; readonly staging: DiskStaging };
  readonly blobs: TieredBlobs;
  readonly staging: TieredStaging;
}

/** Opens what is in `folder`; closing leaves the folder as a crash or a stop would. */
export async function openByteStores(folder: string, takesUploads = true): Promise<ByteStores> {
  const database = openRecordsDatabase({ path: `${folder}/records.sqlite`, sync: "normal", takesUploads });
  const small = { blobs: new SqliteBlobs(database), staging: new SqliteStaging(database) };
  const diskBlobs = await DiskBlobs.open(folder);
  const large = { blobs: diskBlobs, staging: await DiskStaging.open(folder, diskBlobs) };
  return {
    database,
    records: new SqliteRecords(database),
    small,
    large,
    blobs: new TieredBlobs(small.blobs, large.blobs, isSmallId),
    staging: new TieredStaging({
      ...{ small: small.staging, large: large.staging },
      ...{ limit: SMALL_LIMIT, isSmall: isSmallId },
    }),
    [Symbol.asyncDispose]: async () => database.close(),
  };
}

/** The same in a folder of its own, removed at the end. */
export async function temporaryByteStores(): Promise<ByteStores> {
  const folder = await temporaryFolder();
  const stores = await openByteStores(folder.path);
  return {
    ...stores,
    [Symbol.asyncDispose]: async () => {
      await stores[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
