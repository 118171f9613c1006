// Keys with their values hidden. A row opens to show its value; only the rows in view are in the page.

import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { KeyEntry } from "../../wire/api.ts";
import { formatBytes } from "../format.ts";
import { readableKey } from "../key-text.ts";
import { Chevron } from "./icons.tsx";
import { KeyValue } from "./key-value.tsx";

export interface KeyListProps {
  readonly keys: readonly KeyEntry[];
  /** The opened key, as the server encodes it; empty for none. */
  readonly open: string;
  readonly onOpen: (key: string) => void;
  /** Called when the reader comes near the end. */
  readonly onEnd?: () => void;
}

export function KeyList({ keys, open, onOpen, onEnd }: KeyListProps): ReactNode {
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => setTop(list.current?.offsetTop ?? 0), []);
  const rows = useWindowVirtualizer({
    count: keys.length,
    estimateSize: () => 41,
    overscan: 12,
    scrollMargin: top,
    getItemKey: (index) => keys[index]?.key ?? index,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= keys.length - 40) onEnd?.();
  }, [last, keys.length, onEnd]);
  return (
    <ul ref={list} className="keys" aria-label="Keys" style={{ height: rows.getTotalSize() }}>
      {shown.map((row) => {
        const entry = keys[row.index];
        return entry === undefined ? null : (
          <li
            key={row.key}
            ref={rows.measureElement}
            data-index={row.index}
            aria-setsize={keys.length}
            aria-posinset={row.index + 1}
            className="key-slot"
            style={{ transform: `translateY(${row.start - top}px)` }}
          >
            <KeyRow entry={entry} open={entry.key === open} onOpen={onOpen} />
          </li>
        );
      })}
    </ul>
  );
}

function KeyRow({
  entry,
  open,
  onOpen,
}: {
  readonly entry: KeyEntry;
  readonly open: boolean;
  readonly onOpen: (key: string) => void;
}): ReactNode {
  return (
    <>
      <button
        type="button"
        className="key-row"
        aria-expanded={open}
        data-key={entry.key}
        onClick={() => onOpen(open ? "" : entry.key)}
      >
        <Chevron />
        <span className="key-name">{readableKey(entry.key)}</span>
        <span className="key-size">{formatBytes(entry.size)}</span>
      </button>
      {open && <KeyValue entry={entry} />}
    </>
  );
}
