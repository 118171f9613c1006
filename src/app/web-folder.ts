// Where the built dashboard lies: beside the sources. An executable of one file brings another answer (scripts/compile.ts).

import { fileURLToPath } from "node:url";

export function webFolder(): string {
  return fileURLToPath(new URL("../../dist/web", import.meta.url));
}
