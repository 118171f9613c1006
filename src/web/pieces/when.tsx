// A time as "5 min ago", with the full date on hover.

import { type ReactNode, useEffect, useState } from "react";
import { formatAgo, formatStamp } from "../format.ts";

export function When({ at }: { readonly at: number }): ReactNode {
  const now = useNow(5000);
  return (
    <time dateTime={new Date(at).toISOString()} title={formatStamp(at)}>
      {formatAgo(at, now)}
    </time>
  );
}

/** The time, refreshed every `interval` ms. */
export function useNow(interval: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}
