// The Range and Content-Range headers of RFC 9110 §14, parsed and written. Pure.

export interface Span {
  /** Inclusive. */
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

/**
 * The ranges that `header` asks of a representation of `size` bytes, clipped to it, in the order asked for.
 *
 * `undefined`: not a `bytes` range or malformed, to be ignored (§14.2). Empty: none can be satisfied (416). A number may
 * have any number of digits (§14.1.1): one beyond 2^53 is imprecise, and beyond every file.
 */
export function parseRange(header: string, size: number): readonly Span[] | undefined {
  const match = /^bytes\s*=\s*(.+)$/i.exec(header.trim());
  if (!match?.[1]) return undefined;
  const specs = match[1].split(",").map((spec) => spec.trim());
  if (specs.every((spec) => spec === "")) return undefined;
  const spans: Span[] = [];
  for (const spec of specs) {
    if (spec === "") continue;
    const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
    if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
    if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
    const span = clip(first, last, size);
    if (span.start < span.end) spans.push(span);
  }
  return spans;
}

/** `bytes 0-99/1000`; with no span the form for 416, `bytes *\/1000`. */
export function contentRange(span: Span | undefined, size: number): string {
  return span ? `bytes ${span.start}-${span.end - 1}/${size}` : `bytes */${size}`;
}

function clip(first: string, last: string, size: number): Span {
  if (first === "") return { start: Math.max(0, size - Number(last)), end: size };
  const end = last === "" ? size : Math.min(size, Number(last) + 1);
  return { start: Number(first), end };
}
