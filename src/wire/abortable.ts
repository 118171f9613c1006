// Makes any stream of bytes stop at once when a signal is aborted, even while it waits for its next piece.

/** The pieces of `source`; throws the signal's reason as soon as `signal` is aborted. */
export function abortable(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  return signal ? untilAborted(source, signal) : source;
}

async function* untilAborted(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  // One waiter at a time: a race against one long-lived promise would keep every piece that ever came.
  let giveUp: (reason: unknown) => void = () => undefined;
  const onAbort = () => giveUp(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  let isEnded = false;
  try {
    for (;;) {
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject;
        iterator.next().then(resolve, reject);
      });
      if (next.done) {
        isEnded = true;
        return;
      }
      yield next.value;
      signal.throwIfAborted();
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // A source that hangs would never answer, so its end is not awaited.
    if (!isEnded) iterator.return?.().catch(() => undefined);
  }
}
