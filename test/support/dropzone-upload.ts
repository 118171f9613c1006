// A Dropzone client as the library behaves with `parallelChunkUploads`: every chunk a multipart request, several at once.

import { open } from "node:fs/promises";

export interface DropzoneUpload {
  readonly origin: string;
  readonly path: string;
  readonly name: string;
  readonly dzuuid: string;
  /** Bytes. */
  readonly chunkSize: number;
  readonly parallel: number;
}

/** Uploads the file; returns the `job_id` that the completing chunk was answered with. */
export async function uploadByDropzone(upload: DropzoneUpload): Promise<string> {
  await using file = await open(upload.path);
  const { size } = await file.stat();
  const count = Math.ceil(size / upload.chunkSize);
  let next = 0;
  let jobId: string | undefined;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) {
      const offset = index * upload.chunkSize;
      const bytes = Buffer.alloc(Math.min(upload.chunkSize, size - offset));
      await file.read(bytes, 0, bytes.length, offset);
      const answer = await sendChunk(upload, { index, offset, count, size, bytes });
      jobId ??= answer.job_id;
    }
  };
  await Promise.all(Array.from({ length: upload.parallel }, lane));
  if (jobId === undefined) throw new Error("no chunk was answered with a job_id");
  return jobId;
}

interface Chunk {
  readonly index: number;
  readonly offset: number;
  readonly count: number;
  readonly size: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function sendChunk(upload: DropzoneUpload, chunk: Chunk): Promise<{ readonly job_id?: string }> {
  const form = new FormData();
  form.set("dzuuid", upload.dzuuid);
  form.set("dzchunkindex", String(chunk.index));
  form.set("dztotalfilesize", String(chunk.size));
  form.set("dzchunksize", String(upload.chunkSize));
  form.set("dztotalchunkcount", String(chunk.count));
  form.set("dzchunkbyteoffset", String(chunk.offset));
  form.set("file", new File([chunk.bytes], upload.name));
  const response = await fetch(`${upload.origin}/api/upload_file`, { method: "POST", body: form });
  const answer = (await response.json()) as { job_id?: string; message?: string };
  if (response.status !== 200)
    throw new Error(`chunk ${chunk.index}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
