// Files that are still arriving, and how far they have come.

import { Badge, Progress, SegmentedControl } from "@mantine/core";
import type { ReactNode } from "react";
import type { UploadEntry } from "../../wire/api.ts";
import { pathTo, ROUTES } from "../../wire/routes.ts";
import { formatBytes, formatStamp } from "../format.ts";
import { hrefTo, replaceParams } from "../location.ts";
import { Confirm } from "../pieces/confirm.tsx";
import { Facts } from "../pieces/facts.tsx";
import { Empty, Loading, Problem } from "../pieces/notices.tsx";
import { column, LoadMore, RecordTable } from "../pieces/record-table.tsx";
import { When } from "../pieces/when.tsx";
import { useChange, useUploads } from "../queries.ts";
import { fetchJson } from "../requests.ts";

const COLORS = { arriving: "blue", finished: "moss", failed: "red" } as const;
const STATES = [
  { value: "arriving", label: "Arriving" },
  { value: "finished", label: "Finished" },
  { value: "failed", label: "Failed" },
  { value: "all", label: "All" },
];

const COLUMNS = [
  column<UploadEntry>("name", "Name", (upload) => <span className="name">{upload.name || upload.id}</span>),
  column<UploadEntry>("protocol", "Protocol", (upload) => upload.protocol),
  column<UploadEntry>("received", "Received", (upload) => <Received upload={upload} />),
  column<UploadEntry>("status", "State", (upload) => (
    <Badge variant="light" color={COLORS[upload.state]}>
      {upload.state}
    </Badge>
  )),
  column<UploadEntry>("time", "Last byte", (upload) => <When at={upload.updatedAt} />),
];

export function Uploads({ params }: { readonly params: URLSearchParams }): ReactNode {
  const state = params.get("state") ?? "arriving";
  return (
    <section className="page">
      <div className="page-head">
        <h1>Uploads</h1>
        <SegmentedControl
          className="push"
          aria-label="State"
          size="sm"
          data={STATES}
          value={state}
          onChange={(value) => replaceParams({ state: value, open: "" })}
        />
      </div>
      <UploadTable state={state} open={params.get("open") ?? ""} />
    </section>
  );
}

function UploadTable({ state, open }: { readonly state: string; readonly open: string }): ReactNode {
  const query = useUploads({ state: state === "all" ? "" : state });
  if (query.error)
    return <Problem error={query.error} title="The uploads cannot be listed" onRetry={query.refetch} />;
  if (!query.data) return <Loading rows={4} />;
  const uploads = query.data.pages.flatMap((page) => page.uploads);
  if (uploads.length === 0) return <NoUploads state={state} />;
  return (
    <div className="card flush">
      <RecordTable
        label="Uploads"
        columns={COLUMNS}
        records={uploads}
        idOf={(upload) => upload.id}
        nameOf={(upload) => upload.name || upload.id}
        open={open}
        onOpen={(id) => replaceParams({ open: id })}
        details={(upload) => <UploadDetails upload={upload} />}
      />
      <LoadMore query={query} />
    </div>
  );
}

function Received({ upload }: { readonly upload: UploadEntry }): ReactNode {
  if (upload.size === null) return formatBytes(upload.received);
  const share = upload.size === 0 ? 100 : (upload.received / upload.size) * 100;
  return (
    <div className="measure">
      <Progress
        value={share}
        size="sm"
        color={COLORS[upload.state]}
        aria-label={`${share.toFixed(0)} % received`}
      />
      <span>
        {formatBytes(upload.received)} of {formatBytes(upload.size)}
      </span>
    </div>
  );
}

function UploadDetails({ upload }: { readonly upload: UploadEntry }): ReactNode {
  return (
    <div className="details">
      {upload.error !== null && <Problem error={new Error(upload.error)} title="The upload failed" />}
      <Facts
        facts={[
          ["Id", <code key="id">{upload.id}</code>],
          ["Started", formatStamp(upload.createdAt)],
          ["Kept until", upload.expiresAt === null ? null : formatStamp(upload.expiresAt)],
          ["Ranges", upload.state === "arriving" ? upload.ranges.length : null],
          [
            "File",
            upload.fileId === null ? null : (
              <a key="file" href={hrefTo("files", { open: upload.fileId })}>
                {upload.fileId}
              </a>
            ),
          ],
        ]}
      />
      {upload.state === "arriving" && <Discard upload={upload} />}
    </div>
  );
}

function Discard({ upload }: { readonly upload: UploadEntry }): ReactNode {
  const discard = useChange((id: string) => fetchJson(pathTo(ROUTES.upload, { id }), { method: "DELETE" }));
  return (
    <span>
      <Confirm
        label="Discard"
        title="Discard this upload?"
        button={{ variant: "light" }}
        error={discard.error}
        pending={discard.isPending}
        onConfirm={(done) => discard.mutate(upload.id, { onSuccess: done })}
      >
        <p className="plain">
          The {formatBytes(upload.received)} of <strong>{upload.name || upload.id}</strong> that have arrived
          are removed, and whoever sends it has to begin anew.
        </p>
      </Confirm>
    </span>
  );
}

function NoUploads({ state }: { readonly state: string }): ReactNode {
  if (state !== "arriving" && state !== "all") return <Empty title={`No ${state} uploads`} />;
  return (
    <Empty title={state === "all" ? "No uploads yet" : "Nothing is arriving"}>
      <span>
        Drop a CSV on the <a href={hrefTo("overview")}>overview</a>, or send a file with the command:
      </span>
      <pre>cairn upload FILE</pre>
    </Empty>
  );
}
