// Waiting for a condition that only asking can tell (another process, a file): the one place of tests that polls.

const PAUSE_MS = 5;

/**
 * Asks until the answer is not undefined, null or false, and returns it. Throws after `timeoutMs`, naming `what`
 * was awaited; an error of `ask` counts as "not yet" and is the cause of the last one.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) {
        return answer as Exclude<T, undefined | null | false>;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } while (performance.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause });
}
