// The first page: whether all is well, the two ways to start a job, and the latest of everything.

import type { ReactNode } from "react";
import { hrefTo, replaceParams } from "../location.ts";
import { JobTable } from "../pieces/job-table.tsx";
import { KeyList } from "../pieces/key-list.tsx";
import { MergeForm } from "../pieces/merge-form.tsx";
import { Empty, Loading, Problem } from "../pieces/notices.tsx";
import { StatusTiles, Warnings } from "../pieces/status-tiles.tsx";
import { TransferList } from "../pieces/transfer-list.tsx";
import { UploadArea } from "../pieces/upload-area.tsx";
import { WorkerList } from "../pieces/worker-list.tsx";
import { useJobs, useKeys, useStatus, useWorkers } from "../queries.ts";
import { NoKeys } from "./keys.tsx";

export function Overview({ params }: { readonly params: URLSearchParams }): ReactNode {
  const { data, error, refetch } = useStatus();
  return (
    <section className="page">
      <h1 className="visually-hidden">Overview</h1>
      {error && <Problem error={error} title="The server's state is unknown" onRetry={refetch} />}
      {data && <Warnings status={data} />}
      {data ? <StatusTiles status={data} /> : error === null && <Loading rows={3} />}
      <div className="start">
        <UploadArea />
        <MergeForm />
      </div>
      <TransferList kinds={["upload", "merge"]} />
      <LatestJobs open={params.get("job") ?? ""} />
      <Workers />
      <FirstKeys open={params.get("key") ?? ""} />
    </section>
  );
}

function LatestJobs({ open }: { readonly open: string }): ReactNode {
  const { data, error, refetch } = useJobs({ limit: "5" });
  const jobs = data?.pages[0]?.jobs;
  return (
    <Shelf title="Latest jobs" more="All jobs" href={hrefTo("jobs")}>
      {error && <Problem error={error} title="The jobs cannot be listed" onRetry={refetch} />}
      {!error && !jobs && <Loading rows={3} />}
      {jobs?.length === 0 && <Empty title="No jobs yet">Drop a CSV above, or merge log files.</Empty>}
      {jobs && jobs.length > 0 && (
        <div className="card flush">
          <JobTable jobs={jobs} open={open} onOpen={(id) => replaceParams({ job: id })} />
        </div>
      )}
    </Shelf>
  );
}

/** Nothing where there are none: the warning above says so. */
function Workers(): ReactNode {
  const { data } = useWorkers();
  if (!data || data.workers.length === 0) return null;
  return (
    <Shelf title="Workers">
      <div className="card flush">
        <WorkerList workers={data.workers} />
      </div>
    </Shelf>
  );
}

function FirstKeys({ open }: { readonly open: string }): ReactNode {
  const { data, error, refetch } = useKeys("", 10);
  const page = data?.pages[0];
  return (
    <Shelf title="Keys" more="All keys" href={hrefTo("keys")}>
      {error && <Problem error={error} title="The keys cannot be listed" onRetry={refetch} />}
      {!error && !page && <Loading rows={3} />}
      {page?.keys.length === 0 && <NoKeys prefix="" />}
      {page && page.keys.length > 0 && (
        <div className="card flush">
          <KeyList keys={page.keys} open={open} onOpen={(key) => replaceParams({ key })} />
        </div>
      )}
    </Shelf>
  );
}

function Shelf({
  title,
  more,
  href,
  children,
}: {
  readonly title: string;
  readonly more?: string;
  readonly href?: string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <section className="shelf" aria-label={title}>
      <div className="shelf-head">
        <h2>{title}</h2>
        {href !== undefined && <a href={href}>{more}</a>}
      </div>
      {children}
    </section>
  );
}
