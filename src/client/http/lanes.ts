// Work in several lanes at once: the first failure stops the others, and nothing runs on after the end.

/** Gives each item to `work`, at most `lanes` at once, in order. Throws the first failure when all lanes have ended. */
export async function inLanes<T>(
  lanes: number,
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  await together(signal, (stop) =>
    Array.from({ length: Math.min(lanes, items.length) }, async () => {
      for (const item of waiting) {
        stop.throwIfAborted();
        await work(item, stop);
      }
    }),
  );
}

/** Waits for all of them; the first that fails aborts the signal of the others, and is thrown. */
export async function together(
  signal: AbortSignal | undefined,
  start: (stop: AbortSignal) => readonly Promise<void>[],
): Promise<void> {
  signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const failures: unknown[] = [];
  const guarded = start(controller.signal).map((running) =>
    running.catch((error: unknown) => {
      failures.push(error);
      controller.abort(error);
    }),
  );
  await Promise.all(guarded);
  signal?.removeEventListener("abort", onAbort);
  signal?.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
