// Finished files: whole, immutable, each with its digest.

import { Button, TextInput } from "@mantine/core";
import { type ReactNode, useRef } from "react";
import type { FileEntry } from "../../wire/api.ts";
import { pathTo, ROUTES } from "../../wire/routes.ts";
import { useDrop } from "../drop.ts";
import { useFilter } from "../filter.ts";
import { formatBytes, formatCount, formatStamp } from "../format.ts";
import { replaceParams } from "../location.ts";
import { Confirm } from "../pieces/confirm.tsx";
import { CopyText } from "../pieces/copy-text.tsx";
import { DownloadFile, SaveFile } from "../pieces/download-file.tsx";
import { Facts } from "../pieces/facts.tsx";
import { Search } from "../pieces/icons.tsx";
import { Empty, Loading, Problem } from "../pieces/notices.tsx";
import { column, LoadMore, RecordTable } from "../pieces/record-table.tsx";
import { TransferList } from "../pieces/transfer-list.tsx";
import { When } from "../pieces/when.tsx";
import { useChange, useFile, useFiles } from "../queries.ts";
import { fetchJson } from "../requests.ts";
import { startFile } from "../transfers.ts";

const COLUMNS = [
  column<FileEntry>("name", "Name", (file) => <span className="name">{file.name || file.id}</span>),
  column<FileEntry>("size", "Size", (file) => formatBytes(file.size)),
  column<FileEntry>("sha256", "SHA-256", (file) => (
    <CopyText text={file.sha256} shown={file.sha256.slice(0, 12)} label="Copy the SHA-256" />
  )),
  column<FileEntry>("time", "Created", (file) => <When at={file.createdAt} />),
  column<FileEntry>("actions", "", (file) => <FileActions file={file} />),
];

export function Files({ params }: { readonly params: URLSearchParams }): ReactNode {
  const { text, value: prefix, setText } = useFilter(params, "prefix");
  const { isOver, handlers } = useDrop((files) => files.forEach(startFile));
  return (
    <section className="page" aria-label="Files" data-over={isOver || undefined} {...handlers}>
      <div className="page-head">
        <h1>Files</h1>
        <span className="dim drop-hint">
          {isOver ? "Let go to upload" : "Drop files here to upload them"}
        </span>
        <TextInput
          className="filter"
          aria-label="Only files whose name begins with"
          placeholder="Only names that begin with…"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          leftSection={<Search />}
        />
        <UploadButton />
      </div>
      <TransferList kinds={["file", "save"]} />
      <FileTable prefix={prefix} open={params.get("open") ?? ""} />
    </section>
  );
}

/** Any file, of any size: taken up where it was when it is chosen again. */
function UploadButton(): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        onChange={(event) => {
          for (const file of event.currentTarget.files ?? []) startFile(file);
          event.currentTarget.value = "";
        }}
      />
      <Button onClick={() => input.current?.click()}>Upload files</Button>
    </>
  );
}

function FileTable({ prefix, open }: { readonly prefix: string; readonly open: string }): ReactNode {
  const query = useFiles({ prefix });
  if (query.error)
    return <Problem error={query.error} title="The files cannot be listed" onRetry={query.refetch} />;
  if (!query.data) return <Loading rows={4} />;
  const files = query.data.pages.flatMap((page) => page.files);
  if (files.length === 0) return <NoFiles prefix={prefix} />;
  const linked = open !== "" && !files.some((file) => file.id === open);
  return (
    <>
      {linked && <LinkedFile open={open} />}
      <div className="card flush">
        <Rows files={files} open={open} />
        <LoadMore query={query} />
      </div>
    </>
  );
}

function Rows({ files, open }: { readonly files: readonly FileEntry[]; readonly open: string }): ReactNode {
  return (
    <RecordTable
      label="Files"
      columns={COLUMNS}
      records={files}
      idOf={(file) => file.id}
      nameOf={(file) => file.name || file.id}
      open={open}
      onOpen={(id) => replaceParams({ open: id })}
      details={(file) => <FileDetails file={file} />}
    />
  );
}

/** A file that a link has opened, and that is not among those listed. */
function LinkedFile({ open }: { readonly open: string }): ReactNode {
  const { data, error } = useFile(open);
  const close = (): void => replaceParams({ open: "" });
  if (error)
    return <Problem error={error} title="The linked file cannot be shown" onRetry={close} retry="Close" />;
  if (!data) return <Loading rows={2} />;
  return (
    <div className="card flush">
      <Rows files={[data]} open={open} />
    </div>
  );
}

function FileActions({ file }: { readonly file: FileEntry }): ReactNode {
  const remove = useChange((id: string) =>
    fetchJson(pathTo(ROUTES.fileRecord, { id }), { method: "DELETE" }),
  );
  return (
    <span className="actions">
      <DownloadFile file={file} label="Download" />
      <Confirm
        label="Delete"
        title="Delete this file?"
        error={remove.error}
        pending={remove.isPending}
        onConfirm={(done) =>
          remove.mutate(file.id, {
            onSuccess: () => {
              done();
              replaceParams({ open: "" });
            },
          })
        }
      >
        <p className="plain">
          <strong>{file.name || file.id}</strong>, {formatBytes(file.size)}, cannot be brought back.
        </p>
      </Confirm>
    </span>
  );
}

function FileDetails({ file }: { readonly file: FileEntry }): ReactNode {
  return (
    <div className="details">
      <Facts
        facts={[
          ["Id", <code key="id">{file.id}</code>],
          ["Size", `${formatCount(file.size)} bytes`],
          ["SHA-256", <code key="sha256">{file.sha256}</code>],
          ["Type", file.mediaType],
          ["From", <code key="origin">{file.origin}</code>],
          ["Created", formatStamp(file.createdAt)],
          ["Kept until", file.expiresAt === null ? "deleted" : formatStamp(file.expiresAt)],
        ]}
      />
      <SaveFile file={file} />
    </div>
  );
}

function NoFiles({ prefix }: { readonly prefix: string }): ReactNode {
  if (prefix !== "") return <Empty title={`No file's name begins with “${prefix}”`} />;
  return (
    <Empty title="No files yet">
      <span>
        A file appears here when its upload is complete, or when a job has made it. Drop one here, or send it
        with the command:
      </span>
      <pre>cairn upload FILE</pre>
    </Empty>
  );
}
