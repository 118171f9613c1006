// The options of a download, checked, with their defaults.

import { Fault } from "../../wire/faults.ts";
import type { TransferSettings } from "./remote-file.ts";

export interface TransferOptions {
  /** Aborts; what is needed to go on later is kept. */
  readonly signal?: AbortSignal;
  /** Called often; `done` and `total` in bytes, `total` undefined where nobody knows it. */
  readonly onProgress?: (progress: TransferProgress) => void;
  /** Sent with every request, e.g. `{ authorization: "Bearer …" }`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds without any progress after which it fails; retries go on until then. Default 60,000; 0: no retries. */
  readonly patience?: number;
  /** Milliseconds that a server may be silent while it owes bytes. Default 30,000. */
  readonly idleTimeout?: number;
}

export interface TransferProgress {
  readonly done: number;
  readonly total: number | undefined;
  /** Bytes of `done` that an earlier run had transferred. */
  readonly resumed: number;
}

export interface DownloadOptions extends TransferOptions {
  /** Connections at once, 1 to 32; default 4. */
  readonly parallel?: number;
  /** The digest that the file must have; else the one that the server declares. */
  readonly sha256?: string;
}

/** A finished download. */
export interface Downloaded {
  readonly url: string;
  /** As the server names it; may be empty, and is not fit for a disk. */
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  /** Of the bytes that were received. */
  readonly sha256: string;
  /** False when neither the server nor the caller knew a digest to compare with. */
  readonly verified: boolean;
  /** Bytes that an earlier run had received. */
  readonly resumed: number;
}

export interface DownloadSettings extends TransferSettings {
  readonly parallel: number;
  readonly sha256: string | undefined;
  readonly onProgress: (progress: TransferProgress) => void;
}

/** Throws a Fault `invalid` that names the option. */
export function downloadSettings(options: DownloadOptions): DownloadSettings {
  const { parallel = 4, sha256 } = options;
  checkWhole("parallel", parallel, 1, 32);
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
    throw new Fault("invalid", `sha256 must be 64 hexadecimal digits, not ${JSON.stringify(sha256)}`);
  }
  return { ...transferSettings(options), parallel, sha256: sha256?.toLowerCase() };
}

export function transferSettings(options: TransferOptions): TransferSettings & {
  readonly onProgress: (progress: TransferProgress) => void;
} {
  const { patience = 60_000, idleTimeout = 30_000, signal, headers = {} } = options;
  checkWhole("patience", patience, 0);
  checkWhole("idleTimeout", idleTimeout, 1);
  return { patience, idleTimeout, signal, headers, onProgress: options.onProgress ?? (() => undefined) };
}

export function checkWhole(
  option: string,
  value: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const bound = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new Fault("invalid", `${option} must be a whole number ${bound}, not ${value}`);
}

/** The digest that the bytes must have, if anybody knows one. Fault `mismatch` when caller and server disagree at once. */
export function expectedDigest(
  url: string,
  declared: string | undefined,
  asked: string | undefined,
): string | undefined {
  if (asked !== undefined && declared !== undefined && asked !== declared)
    throw mismatch(url, declared, asked);
  return asked ?? declared;
}

export function mismatch(url: string, received: string, expected: string): Fault {
  return new Fault("mismatch", `${url} has the SHA-256 ${received}, not ${expected}`, {
    hint: "Nothing was kept of it; download it again, or check the digest that was asked for.",
    details: { url, received, expected },
  });
}
