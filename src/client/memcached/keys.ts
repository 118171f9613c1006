// Lists of keys that are made when they are asked for: kept, those of a file of 5 GB take 2 MB, three times.

/** An array of strings is one too. */
export interface Keys {
  readonly length: number;
  /** undefined: there are not so many. */
  at(place: number): string | undefined;
}

export function keysBy(length: number, key: (place: number) => string): Keys {
  return { length, at: (place) => (place < length ? key(place) : undefined) };
}

/** One list after the other. */
export function joinedKeys(...lists: readonly Keys[]): Keys {
  const length = lists.reduce((sum, list) => sum + list.length, 0);
  const at = (place: number) => {
    let left = place;
    for (const list of lists) {
      if (left < list.length) return list.at(left);
      left -= list.length;
    }
    return undefined;
  };
  return { length, at };
}

/** Those from one place up to another, as an array. */
export function keysBetween(keys: Keys, from: number, to: number): string[] {
  const some: string[] = [];
  for (let place = from; place < Math.min(to, keys.length); place++) some.push(keys.at(place) ?? "");
  return some;
}
