// Jobs, newest first: what they do, how far they are, and what came of them.

import { Select, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useFilter } from "../filter.ts";
import { hrefTo, replaceParams } from "../location.ts";
import { BulkActions, type BulkFilter } from "../pieces/bulk-actions.tsx";
import { Search } from "../pieces/icons.tsx";
import { JobTable } from "../pieces/job-table.tsx";
import { KindList } from "../pieces/kind-list.tsx";
import { Empty, Loading, Problem } from "../pieces/notices.tsx";
import { LoadMore } from "../pieces/record-table.tsx";
import { useJob, useJobs, useStatus } from "../queries.ts";

const STATES = [
  { value: "", label: "Every state" },
  { value: "queued", label: "Queued" },
  { value: "running", label: "Running" },
  { value: "succeeded", label: "Succeeded" },
  { value: "failed", label: "Failed" },
  { value: "cancelled", label: "Cancelled" },
];

const KINDS = [
  { value: "", label: "Every kind" },
  { value: "aggregate", label: "Aggregate" },
  { value: "merge", label: "Merge" },
];

export function Jobs({ params }: { readonly params: URLSearchParams }): ReactNode {
  const text = useFilter(params, "text");
  const kind = params.get("kind") ?? "";
  const state = params.get("state") ?? "";
  const filter = { state, kind, text: text.value.trim() };
  return (
    <section className="page">
      <div className="page-head">
        <h1>Jobs</h1>
        <TextInput
          className="filter"
          aria-label="Jobs with this text in their id or input"
          placeholder="Text in the id or input…"
          value={text.text}
          onChange={(event) => text.setText(event.currentTarget.value)}
          leftSection={<Search />}
        />
        <Select
          className="kind"
          aria-label="Jobs of this kind"
          data={KINDS}
          value={kind}
          allowDeselect={false}
          onChange={(value) => replaceParams({ kind: value ?? "", open: "" })}
        />
        <Select
          className="state"
          aria-label="Jobs in this state"
          data={STATES}
          value={state}
          allowDeselect={false}
          onChange={(value) => replaceParams({ state: value ?? "", open: "" })}
        />
      </div>
      <Kinds />
      <BulkActions filter={filter} />
      <PagedJobs filter={filter} open={params.get("open") ?? ""} />
    </section>
  );
}

function Kinds(): ReactNode {
  const { data } = useStatus();
  return data?.kinds && <KindList kinds={data.kinds} />;
}

function PagedJobs({ filter, open }: { readonly filter: BulkFilter; readonly open: string }): ReactNode {
  const query = useJobs({ ...filter });
  if (query.error)
    return <Problem error={query.error} title="The jobs cannot be listed" onRetry={query.refetch} />;
  if (!query.data) return <Loading rows={5} />;
  const jobs = query.data.pages.flatMap((page) => page.jobs);
  if (jobs.length === 0) return <NoJobs filtered={Object.values(filter).some((value) => value !== "")} />;
  const linked = open !== "" && !jobs.some((job) => job.id === open);
  return (
    <>
      {linked && <LinkedJob open={open} />}
      <div className="card flush">
        <JobTable jobs={jobs} open={open} onOpen={(id) => replaceParams({ open: id })} />
        <LoadMore query={query} />
      </div>
    </>
  );
}

/** A job that a link has opened, and that is not among those listed. */
function LinkedJob({ open }: { readonly open: string }): ReactNode {
  const { data, error } = useJob(open);
  const close = (): void => replaceParams({ open: "" });
  if (error)
    return <Problem error={error} title="The linked job cannot be shown" onRetry={close} retry="Close" />;
  if (!data) return <Loading rows={2} />;
  return (
    <div className="card flush">
      <JobTable jobs={[data]} open={open} onOpen={close} />
    </div>
  );
}

function NoJobs({ filtered }: { readonly filtered: boolean }): ReactNode {
  if (filtered) return <Empty title="No job matches the filter" />;
  return (
    <Empty title="No jobs yet">
      <span>
        Drop a CSV on the <a href={hrefTo("overview")}>overview</a>, or merge log files by date there.
      </span>
    </Empty>
  );
}
