// Reading the slots of a file in their order, with some requests under way ahead of the reader.

import { readItems } from "./items.ts";
import { keysBetween } from "./keys.ts";
import type { Reading } from "./rebuild.ts";
import type { Room } from "./room.ts";
import { abortable, windowOf } from "./window.ts";

export interface Slot {
  readonly slot: number;
  /** As it is on its server, checked by nobody; undefined: it is not there. Given back to the room when the next one is asked for. */
  readonly data: Uint8Array | undefined;
}

/** A request asks for so many bytes, and so many requests are under way or waiting to be consumed. */
const BATCH_BYTES = 524_288;
const BATCH_SLOTS_MOST = 256;
const BATCHES_AHEAD = 3;

/** The first `count` slots. */
export async function* slotsOf(
  { settings, manifest, keys, outage }: Reading,
  count: number,
  room: Room | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Slot, void, undefined> {
  const batch = windowOf(manifest.chunkSize, BATCH_BYTES, 1, BATCH_SLOTS_MOST);
  const ahead: Promise<Map<string, Uint8Array>>[] = [];
  const request = (start: number) => {
    if (start >= count) return;
    const some = keysBetween(keys, start, Math.min(count, start + batch));
    const items = readItems(settings.servers, some, { room, outage });
    // A failure is met when its turn comes; if the consumer leaves before, nobody needs to hear of it.
    items.catch(() => undefined);
    ahead.push(items);
  };
  for (let i = 0; i < BATCHES_AHEAD; i++) request(i * batch);
  for (let start = 0; start < count; start += batch) {
    const items = await abortable(ahead.shift() ?? Promise.resolve(new Map()), signal);
    request(start + BATCHES_AHEAD * batch);
    for (let slot = start; slot < Math.min(count, start + batch); slot++) {
      signal?.throwIfAborted();
      const data = items.get(keys.at(slot) ?? "");
      yield { slot, data };
      if (data) room?.giveBack(data);
    }
  }
}
