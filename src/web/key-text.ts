// A key as people read it: UTF-8 where its bytes are that, and its percent-encoded form where they are not.

const UNREADABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** `encoded` as the server gives it. Invisible and direction-changing characters keep their encoded form. */
export function readableKey(encoded: string): string {
  try {
    const text = decodeURIComponent(encoded);
    return UNREADABLE.test(text) ? encoded : text;
  } catch (cause) {
    if (cause instanceof URIError) return encoded;
    throw cause;
  }
}
