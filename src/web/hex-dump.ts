// A hex dump in the usual three columns: offset, sixteen bytes, the printable ones.

/** `hex`: two digits a byte. One string per sixteen bytes. */
export function hexDump(hex: string): readonly string[] {
  const lines: string[] = [];
  for (let at = 0; at < hex.length; at += 32) {
    const bytes = hex.slice(at, at + 32).match(/../g) ?? [];
    const left = bytes.slice(0, 8).join(" ");
    const right = bytes.slice(8).join(" ");
    const shown = bytes.map(printable).join("");
    lines.push(`${(at / 2).toString(16).padStart(8, "0")}  ${`${left}  ${right}`.padEnd(48)}  ${shown}`);
  }
  return lines;
}

function printable(byte: string): string {
  const code = Number.parseInt(byte, 16);
  return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : ".";
}
