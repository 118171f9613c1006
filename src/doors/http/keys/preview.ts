// The beginning of a value in a form that people can read: text where it is text, hexadecimal digits where not.

export interface Preview {
  readonly encoding: "text" | "hex";
  readonly preview: string;
  readonly truncated: boolean;
}

/** Of text; less of anything else. */
export const PREVIEW_BYTES = 16_384;
/** 256 lines of sixteen bytes. */
const HEX_BYTES = 4096;
/** C0 controls but tab and line ends, DEL, and C1: such bytes are not meant for eyes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/;

/** `value`: the first `PREVIEW_BYTES` of one of `size` bytes. */
export function previewOf(value: Uint8Array, size: number): Preview {
  const text = textOf(value, size > value.length);
  if (text !== undefined) return { encoding: "text", preview: text, truncated: size > value.length };
  const preview = Buffer.from(value.buffer, value.byteOffset, Math.min(value.length, HEX_BYTES)).toString(
    "hex",
  );
  return { encoding: "hex", preview, truncated: size > HEX_BYTES };
}

/** The bytes as UTF-8, or undefined. A `cut` value may end in the middle of a character, which is left out. */
function textOf(bytes: Uint8Array, cut: boolean): string | undefined {
  try {
    // `stream` holds an unfinished character back instead of refusing it.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cut });
    return CONTROL.test(text) ? undefined : text;
  } catch (cause) {
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
}
