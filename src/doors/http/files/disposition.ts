// The Content-Disposition header: a file name in any script, and never a way to break out of the header.

import { Fault } from "../../../wire/faults.ts";

export type Disposition = "attachment" | "inline";

/** RFC 6266: an ASCII fallback in `filename`, the true name in `filename*`. */
export function contentDisposition(disposition: Disposition, name: string): string {
  // Most names need no escape in either form; finding that out takes less than making both.
  if (/^[\w.-]+$/.test(name)) return `${disposition}; filename="${name}"; filename*=UTF-8''${name}`;
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, percent);
  return `${disposition}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** The file name in a request's header, `filename*` before `filename`; undefined if it has none. Fault `invalid`. */
export function requestedName(header: string | null): string | undefined {
  const encoded = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header ?? "")?.[1];
  if (encoded !== undefined) {
    try {
      return decodeURIComponent(encoded);
    } catch (cause) {
      throw new Fault("invalid", `filename* in Content-Disposition is malformed: ${encoded.slice(0, 80)}`, {
        cause,
      });
    }
  }
  const [, quoted, token] = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header ?? "") ?? [];
  return quoted?.replace(/\\(.)/g, "$1") ?? token;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
