// The checks that need no test: format and lint, types, and the architecture, side by side.

import { ROOT, type Run, run } from "./run.ts";

const TOOLS = `${ROOT}node_modules/.bin/`;

/** Name and command line of each. */
export const CHECKS: Readonly<Record<string, readonly string[]>> = {
  "format and lint": [
    `${TOOLS}biome`,
    "ci",
    "--colors=off",
    "--diagnostic-level=warn",
    "--error-on-warnings",
    ".",
  ],
  types: [`${TOOLS}tsc`, "--noEmit", "--pretty", "false"],
  architecture: [process.execPath, "test", "--timeout=60000", "./test/architecture.test.ts"],
};

/** Runs the checks of these names at once; tells each result as it comes. */
export async function runChecks(
  names: readonly string[],
  tell: (name: string, result: Run) => void,
): Promise<boolean> {
  const results = await Promise.all(
    names.map(async (name) => {
      const result = await run(CHECKS[name] ?? []);
      tell(name, result);
      return result;
    }),
  );
  return results.every((result) => result.code === 0);
}
