// What a section shows when there is nothing, not yet something, or an error.

import { Alert, Button, Skeleton } from "@mantine/core";
import type { ReactNode } from "react";
import { toFault } from "../../wire/faults.ts";

/** An error in the server's own words, with its hint. */
export function Problem({
  error,
  title,
  onRetry,
  retry = "Try again",
}: {
  readonly error: unknown;
  readonly title: string;
  readonly onRetry?: () => unknown;
  /** The words on the button. */
  readonly retry?: string;
}): ReactNode {
  const fault = toFault(error);
  return (
    <Alert className="problem" color="red" variant="light" title={title} role="alert">
      <p className="plain">{fault.message}</p>
      {fault.hint && <p className="plain dim">{fault.hint}</p>}
      {onRetry && (
        <Button mt="sm" size="xs" variant="default" onClick={() => onRetry()}>
          {retry}
        </Button>
      )}
    </Alert>
  );
}

/** Nothing here yet, and what to do first. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ReactNode;
}): ReactNode {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

export function Loading({ rows }: { readonly rows: number }): ReactNode {
  return (
    <div className="loading" aria-busy="true">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: grey bars have no identity
        <Skeleton key={row} height={18} radius="sm" />
      ))}
    </div>
  );
}
