// The requests of tus 1.0, each once: what a server knows, create, tell, send, join, remove.

import { Fault } from "../../wire/faults.ts";
import { formatMetadata, TUS_BODY, TUS_VERSION } from "../../wire/tus.ts";
import { digestOf } from "./remote-file.ts";
import { exchange, type RequestSettings } from "./request.ts";

export interface TusServer {
  readonly extensions: ReadonlySet<string>;
  /** Of checksums, as `Tus-Checksum-Algorithm` names them. */
  readonly algorithms: readonly string[];
  /** In bytes; undefined: as many as its disk takes. */
  readonly maxSize: number | undefined;
}

/** Where an upload stands. Digest and place of the file come from Cairn once it is complete; others tell neither. */
export interface Standing {
  readonly offset: number;
  /** undefined while it was deferred. */
  readonly length: number | undefined;
  readonly sha256: string | undefined;
  /** Absolute. */
  readonly fileUrl: string | undefined;
}

export interface Created {
  /** Absolute. */
  readonly url: string;
  readonly standing: Standing;
}

export type Metadata = readonly (readonly [key: string, value: string])[];

export interface Chunk {
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `sha256 <base64>` */
  readonly checksum?: string;
  /** Of the whole upload, when it was deferred and has become known. */
  readonly length?: number;
}

const TUS = { "tus-resumable": TUS_VERSION };

export async function askServer(endpoint: string, settings: RequestSettings): Promise<TusServer> {
  const { response } = await exchange(endpoint, { method: "OPTIONS" }, settings);
  const { headers } = response;
  const versions = headers.get("tus-version");
  if (versions !== null && !listed(versions).includes(TUS_VERSION)) {
    throw new Fault("invalid", `${endpoint} speaks tus ${versions}, and this client ${TUS_VERSION}`);
  }
  const most = headers.get("tus-max-size");
  return {
    extensions: new Set(listed(headers.get("tus-extension") ?? "")),
    algorithms: listed(headers.get("tus-checksum-algorithm") ?? ""),
    maxSize: most === null ? undefined : Number(most),
  };
}

/** `length` undefined: to be told later. */
export function createUpload(
  endpoint: string,
  what: { readonly length: number | undefined; readonly metadata: Metadata; readonly isPartial: boolean },
  settings: RequestSettings,
): Promise<Created> {
  const { length, metadata, isPartial } = what;
  const headers = {
    ...(length === undefined ? { "upload-defer-length": "1" } : { "upload-length": String(length) }),
    ...(isPartial && { "upload-concat": "partial" }),
  };
  return post(endpoint, { ...headers, ...described(metadata) }, settings, length);
}

/** Bytes that a slow server copies and hashes in a millisecond, while it joins parts and cannot answer. */
const JOINED_PER_MS = 20_000;

/** Joins finished partial uploads, in order, to one. */
export function joinUploads(
  endpoint: string,
  what: { readonly urls: readonly string[]; readonly length: number; readonly metadata: Metadata },
  settings: RequestSettings,
): Promise<Created> {
  const headers = { "upload-concat": `final;${what.urls.join(" ")}`, ...described(what.metadata) };
  const timeout = settings.idleTimeout + what.length / JOINED_PER_MS;
  return post(endpoint, headers, settings, what.length, timeout);
}

/** Faults: `not-found` and `gone` for an upload that is no more. */
export async function askUpload(url: string, settings: RequestSettings): Promise<Standing> {
  const { response } = await exchange(url, { method: "HEAD", headers: TUS }, settings);
  const length = response.headers.get("upload-length");
  return readStanding(url, response, length === null ? undefined : Number(length));
}

/** Faults: `conflict` (another offset), `checksum` (damaged on the way), and those of a broken connection. */
export async function sendChunk(
  url: string,
  { offset, bytes, checksum, length }: Chunk,
  settings: RequestSettings,
  timeout: number,
): Promise<Standing> {
  const headers = {
    ...TUS,
    "content-type": TUS_BODY,
    "upload-offset": String(offset),
    ...(checksum !== undefined && { "upload-checksum": checksum }),
    ...(length !== undefined && { "upload-length": String(length) }),
  };
  const { response } = await exchange(url, { method: "PATCH", headers, body: bytes }, settings, timeout);
  return readStanding(url, response, length);
}

export async function removeUpload(url: string, settings: RequestSettings): Promise<void> {
  await exchange(url, { method: "DELETE", headers: TUS }, settings);
}

async function post(
  endpoint: string,
  headers: Readonly<Record<string, string>>,
  settings: RequestSettings,
  length: number | undefined,
  timeout?: number,
): Promise<Created> {
  const init = { method: "POST", headers: { ...TUS, ...headers } };
  const { response } = await exchange(endpoint, init, settings, timeout);
  const location = response.headers.get("location");
  if (location === null) throw new Fault("internal", `${endpoint} created an upload and did not say where`);
  const url = new URL(location, response.url || endpoint).href;
  const offset = response.headers.get("upload-offset") ?? "0";
  return { url, standing: standingOf(url, response.headers, Number(offset), length) };
}

function readStanding(url: string, { headers }: Response, length: number | undefined): Standing {
  const offset = headers.get("upload-offset");
  if (offset !== null && /^\d{1,16}$/.test(offset)) return standingOf(url, headers, Number(offset), length);
  throw new Fault("internal", `${url} answered without a proper Upload-Offset (${offset})`);
}

function standingOf(url: string, headers: Headers, offset: number, length: number | undefined): Standing {
  const place = headers.get("content-location");
  const fileUrl = place === null ? undefined : new URL(place, url).href;
  return { offset, length, sha256: digestOf(headers), fileUrl };
}

function described(metadata: Metadata): Record<string, string> {
  return metadata.length === 0 ? {} : { "upload-metadata": formatMetadata(metadata) };
}

function listed(header: string): string[] {
  return header
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}
