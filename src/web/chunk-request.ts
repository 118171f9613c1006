// One chunk's request. XMLHttpRequest, because fetch cannot tell how much of a body has been sent.

import { Fault } from "../wire/faults.ts";
import { ROUTES } from "../wire/routes.ts";
import { faultOf, unreachable } from "./requests.ts";

export interface ChunkAnswer {
  readonly message: string;
  readonly job_id?: string;
}

/** Sends `form`; `onSent` is called with the bytes of the body that have left. */
export function sendForm(
  form: FormData,
  signal: AbortSignal,
  onSent: (bytes: number) => void,
): Promise<ChunkAnswer> {
  const request = new XMLHttpRequest();
  const abort = (): void => request.abort();
  const { promise, resolve, reject } = Promise.withResolvers<ChunkAnswer>();
  request.upload.onprogress = (event) => onSent(event.loaded);
  request.onload = () => {
    if (request.status < 200 || request.status > 299) reject(faultOf(request.status, request.responseText));
    else resolve(JSON.parse(request.responseText) as ChunkAnswer);
  };
  request.onerror = () => reject(unreachable(request.statusText));
  request.onabort = () => reject(new Fault("cancelled", "The upload was stopped."));
  request.open("POST", ROUTES.dropzoneUpload);
  signal.addEventListener("abort", abort);
  if (signal.aborted) reject(new Fault("cancelled", "The upload was stopped."));
  else request.send(form);
  return promise.finally(() => signal.removeEventListener("abort", abort));
}
