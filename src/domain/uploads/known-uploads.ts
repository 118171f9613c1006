// Uploads by their id. Images that are whole have no record of their own: their file, which says where it came from, is enough.

import type { FileRecord, Records, UploadRecord } from "../../ports/records.ts";
import { Fault } from "../../wire/faults.ts";
import type { Files } from "../files/files.ts";

const IMAGE = "image:";

/** True when the upload's record goes with its completion: it tells nothing that the file does not. */
export function isForgotten({ protocol, id, declaredSha256 }: UploadRecord): boolean {
  return protocol === "image" && id === IMAGE + declaredSha256;
}

/** What a file of this upload gives as its origin. */
export function originOf(id: string): string {
  return `upload:${id}`;
}

/** Uploads by their id, whichever record tells of them. */
export class KnownUploads {
  readonly #records: Records;
  readonly #files: Files;

  constructor(records: Records, files: Files) {
    this.#records = records;
    this.#files = files;
  }

  async find(id: string): Promise<UploadRecord | undefined> {
    const record = await this.#records.get("uploads", id);
    if (record) return record;
    const image = await this.imageOf(id);
    return image && uploadOfImage(image);
  }

  /** Why an upload without a record cannot be forgotten: it is not there, or its file is what is known of it. */
  async refusal(id: string): Promise<Fault> {
    const image = await this.imageOf(id);
    if (!image) return unknownUpload(id);
    return new Fault("conflict", `${id} has become the file ${image.id}`, {
      hint: "Remove the file instead.",
    });
  }

  /** The file of the image that was uploaded as `id`, once it is whole. */
  async imageOf(id: string): Promise<FileRecord | undefined> {
    return id.startsWith(IMAGE) ? this.#files.twin(id.slice(IMAGE.length), originOf(id)) : undefined;
  }
}

/** The fault of an id that no upload has. */
export function unknownUpload(id: string): Fault {
  return new Fault("not-found", `there is no upload ${JSON.stringify(id.slice(0, 100).toWellFormed())}`);
}

/** The finished upload that an image's file stands for. */
function uploadOfImage(file: FileRecord): UploadRecord {
  const { name, size, sha256, createdAt } = file;
  return {
    id: IMAGE + sha256,
    version: 1,
    protocol: "image",
    name,
    size,
    coverage: size > 0 ? [[0, size]] : [],
    declaredSha256: sha256,
    staging: file.blob,
    state: "finished",
    fileId: file.id,
    error: null,
    meta: { mediaType: file.mediaType },
    createdAt,
    updatedAt: createdAt,
    expiresAt: null,
  };
}
