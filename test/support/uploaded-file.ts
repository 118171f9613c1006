// A file that a server has, put there by one plain upload, for tests of downloads.

import type { UploadEntry } from "../../src/wire/api.ts";

export interface UploadedFile {
  readonly id: string;
  /** Where its bytes are. */
  readonly url: string;
}

/** The server takes CSV names only on this way in; the bytes may be anything. */
export async function uploadPlain(
  origin: string,
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
): Promise<UploadedFile> {
  const body = new FormData();
  body.append("file", new File([bytes], name));
  const answer = await fetch(`${origin}/api/upload_file`, { method: "POST", body });
  if (!answer.ok) throw new Error(`upload: ${answer.status} ${await answer.text()}`);
  const { uploads } = (await (await fetch(`${origin}/api/uploads`)).json()) as { uploads: UploadEntry[] };
  const id = uploads.find((upload) => upload.name === name)?.fileId;
  if (!id) throw new Error(`no file of ${name} at ${origin}`);
  return { id, url: `${origin}/files/${id}` };
}
