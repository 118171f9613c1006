// Text images as clients of the image protocol send them: ASCII art of some hundred bytes to a few kilobytes.

import type { Random } from "./random.ts";

/** From dark to light; with characters that JSON escapes, and that Go's JSON escapes, among them. */
const SHADES = "@&%#8B$M<>*+=\"\\/?|~-:;,'. ";

/** Shaded rings around a random centre. Begins with spaces now and then, and ends with a newline. */
export function asciiImage(random: Random): string {
  const width = 20 + random.below(60);
  const height = 10 + random.below(30);
  const [centreX, centreY] = [random.below(width), random.below(height)];
  const scale = 1 + random.below(12);
  let image = "";
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const distance = Math.hypot(x - centreX, 2 * (y - centreY)) * scale;
      image += SHADES[(Math.floor(distance / 4) + random.below(3)) % SHADES.length];
    }
    image += "\n";
  }
  return image;
}
