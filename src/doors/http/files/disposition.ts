// The Content-Disposition header: a file name in any script, and never a way to break out of the header.

export type Disposition = "attachment" | "inline";

/** RFC 6266: an ASCII fallback in `filename`, the true name in `filename*`. */
export function contentDisposition(disposition: Disposition, name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, percent);
  return `${disposition}; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
