// What can be done to all jobs that a filter shows: only where it names a state, and never without their number being seen.

import { Button, Group, Modal } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import type { BulkAnswer } from "../../wire/api.ts";
import { ROUTES } from "../../wire/routes.ts";
import { formatCount } from "../format.ts";
import { useChange } from "../queries.ts";
import { postJson } from "../requests.ts";
import { Loading, Problem } from "./notices.tsx";

interface Action {
  readonly word: "Retry" | "Cancel" | "Delete";
  readonly path: string;
  readonly states: readonly string[];
  readonly means: string;
}

const ACTIONS: readonly Action[] = [
  {
    word: "Retry",
    path: ROUTES.jobsRetry,
    states: ["failed", "cancelled"],
    means: "They go back into the queue, with all their attempts.",
  },
  {
    word: "Cancel",
    path: ROUTES.jobsCancel,
    states: ["queued", "running"],
    means: "Queued ones end at once, running ones within about a second.",
  },
  {
    word: "Delete",
    path: ROUTES.jobsDelete,
    states: ["succeeded", "failed", "cancelled"],
    means: "Their results go with them. This cannot be undone.",
  },
];

export interface BulkFilter {
  readonly state: string;
  readonly kind: string;
  readonly text: string;
}

export function BulkActions({ filter }: { readonly filter: BulkFilter }): ReactNode {
  const fitting = ACTIONS.filter(({ states }) => states.includes(filter.state));
  if (fitting.length === 0) return null;
  return (
    <fieldset className="actions bulk" aria-label="All jobs that the filter shows">
      {fitting.map((action) => (
        <BulkAction key={action.word} action={action} filter={filter} />
      ))}
    </fieldset>
  );
}

function BulkAction({ action, filter }: { readonly action: Action; readonly filter: BulkFilter }): ReactNode {
  /** Jobs that come while the reader thinks are not meant. */
  const [before, setBefore] = useState<number>();
  const close = (): void => setBefore(undefined);
  return (
    <>
      <Button
        size="compact-sm"
        variant={action.word === "Retry" ? "light" : "subtle"}
        color={action.word === "Retry" ? "moss" : "red"}
        className={action.word === "Retry" ? "" : "danger"}
        onClick={() => setBefore(Date.now())}
      >
        {action.word} all…
      </Button>
      <Modal
        opened={before !== undefined}
        onClose={close}
        title={`${action.word} all of these jobs?`}
        centered
      >
        {before !== undefined && <Question action={action} filter={filter} before={before} onClose={close} />}
      </Modal>
    </>
  );
}

function Question({
  action,
  filter,
  before,
  onClose,
}: {
  readonly action: Action;
  readonly filter: BulkFilter;
  readonly before: number;
  readonly onClose: () => void;
}): ReactNode {
  const given = Object.entries(filter).filter(([, value]) => value !== "");
  const body = { ...Object.fromEntries(given), until: before };
  const trial = useQuery({
    queryKey: ["bulk", action.word, body],
    queryFn: ({ signal }) => postJson<BulkAnswer>(action.path, { ...body, dryRun: true }, signal),
    gcTime: 0,
  });
  const change = useChange(() => postJson(action.path, body));
  const count = trial.data?.jobs;
  if (trial.error)
    return <Problem error={trial.error} title="The jobs cannot be counted" onRetry={trial.refetch} />;
  if (count === undefined) return <Loading rows={2} />;
  const jobs = `${formatCount(count)} ${count === 1 ? "job" : "jobs"}`;
  return (
    <div className="stack">
      <p className="plain">
        <strong>
          {jobs}: {given.map(([name, value]) => (name === "text" ? `“${value}”` : value)).join(", ")}.
        </strong>{" "}
        {action.means}
      </p>
      {change.error !== null && <Problem error={change.error} title="That did not work" />}
      <Group justify="flex-end" gap="sm">
        <Button variant="default" onClick={onClose} data-autofocus>
          Leave them
        </Button>
        <Button
          color={action.word === "Retry" ? "moss" : "red"}
          disabled={count === 0}
          loading={change.isPending}
          onClick={() => change.mutate(undefined, { onSuccess: onClose })}
        >
          {action.word} {jobs}
        </Button>
      </Group>
    </div>
  );
}
