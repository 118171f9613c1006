// Writes a CSV of plays: `rows` rows over about `groups` songs and dates, some of them never met.

import { open, readFile } from "node:fs/promises";

/** Resolves with its size in bytes. The same numbers give the same file. */
export async function writePlays(path: string, rows: number, groups: number): Promise<number> {
  const writer = Bun.file(path).writer({ highWaterMark: 1 << 20 });
  writer.write("Song,Date,Number of Plays\n");
  let state = 12_345;
  let text = "";
  for (let i = 0; i < rows; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The high bits are the random ones.
    const group = Math.floor((state / 2 ** 32) * groups);
    const day = group % 365;
    const date = `2020-${String(1 + (day % 12)).padStart(2, "0")}-${String(1 + (Math.floor(day / 12) % 31)).padStart(2, "0")}`;
    text += `Song number ${Math.floor(group / 365)},${date},${state % 1_000}\n`;
    if (text.length > 1 << 20) {
      writer.write(text);
      await writer.flush();
      text = "";
    }
  }
  writer.write(text);
  await writer.end();
  return Bun.file(path).size;
}

/** Writes a CSV of at least `bytes` bytes over `groups` groups, by repeating a stretch of it. Resolves with its size and rows. */
export async function writeManyPlays(
  path: string,
  bytes: number,
  groups: number,
): Promise<{ readonly size: number; readonly rows: number }> {
  const rows = 1_000_000;
  await writePlays(path, rows, groups);
  const first = await readFile(path);
  const stretch = first.subarray(first.indexOf("\n") + 1);
  await using file = await open(path, "a");
  let size = first.length;
  for (; size < bytes; size += stretch.length) await file.write(stretch);
  return { size, rows: rows * (1 + (size - first.length) / stretch.length) };
}
