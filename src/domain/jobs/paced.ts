// Keeps a stream of bytes from holding the event loop: heartbeats and cancellation get their turn.

const LONGEST_TURN_MS = 50;

/** The pieces of `source`; every 50 ms other work runs between two of them. Throws when `signal` is aborted. */
export async function* paced(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let turn = performance.now();
  for await (const piece of source) {
    signal.throwIfAborted();
    yield piece;
    if (performance.now() - turn > LONGEST_TURN_MS) {
      await new Promise((resolve) => setImmediate(resolve));
      turn = performance.now();
    }
  }
  signal.throwIfAborted();
}
