// The value of one key: as text, or as a hex dump; a large one is cut and can be downloaded.

import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import type { KeyEntry, KeyPreview } from "../../wire/api.ts";
import { ROUTES } from "../../wire/routes.ts";
import { formatBytes, formatCount } from "../format.ts";
import { hexDump } from "../hex-dump.ts";
import { readableKey } from "../key-text.ts";
import { replaceParams } from "../location.ts";
import { useChange, usePreview } from "../queries.ts";
import { fetchJson } from "../requests.ts";
import { Confirm } from "./confirm.tsx";
import { Facts } from "./facts.tsx";
import { Download } from "./icons.tsx";
import { Loading, Problem } from "./notices.tsx";
import { When } from "./when.tsx";

export function KeyValue({ entry }: { readonly entry: KeyEntry }): ReactNode {
  const { data, error, refetch } = usePreview(entry.key);
  if (error) return <Problem error={error} title="The value cannot be shown" onRetry={refetch} />;
  if (!data) return <Loading rows={2} />;
  return (
    <div className="key-value">
      <Value preview={data} />
      <div className="key-foot">
        <Facts
          facts={[
            ["Size", `${formatCount(data.size)} bytes`],
            ["Flags", data.flags],
            ["CAS", data.cas],
            ["Expires", data.expiresAt === null ? "never" : <When key="expires" at={data.expiresAt} />],
          ]}
        />
        <span className="actions">
          <DeleteKey entry={entry} />
          <Button
            component="a"
            href={`${ROUTES.value}?key=${entry.key}`}
            download
            size="xs"
            variant="default"
            leftSection={<Download />}
          >
            Download value
          </Button>
        </span>
      </div>
    </div>
  );
}

function DeleteKey({ entry }: { readonly entry: KeyEntry }): ReactNode {
  const remove = useChange(() => fetchJson(`${ROUTES.value}?key=${entry.key}`, { method: "DELETE" }));
  return (
    <Confirm
      label="Delete"
      title="Delete this key?"
      button={{ size: "xs" }}
      error={remove.error}
      pending={remove.isPending}
      onConfirm={(done) =>
        remove.mutate(undefined, {
          onSuccess: () => {
            done();
            replaceParams({ open: "", key: "" });
          },
        })
      }
    >
      <p className="plain">
        <code>{readableKey(entry.key)}</code>, {formatBytes(entry.size)}, cannot be brought back.
      </p>
    </Confirm>
  );
}

/** React writes text nodes: nothing in a value can become markup. */
function Value({ preview }: { readonly preview: KeyPreview }): ReactNode {
  if (preview.size === 0) return <p className="plain dim">The value is empty.</p>;
  const shown = preview.encoding === "text" ? preview.preview : hexDump(preview.preview).join("\n");
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <section className="value" data-encoding={preview.encoding} tabIndex={0} aria-label="Value">
        <pre>{shown}</pre>
      </section>
      {preview.truncated && (
        <p className="plain dim">
          Only the beginning is shown, of {formatBytes(preview.size)} in all. Download the value to see the
          rest.
        </p>
      )}
    </>
  );
}
