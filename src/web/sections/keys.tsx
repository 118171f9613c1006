// The keys of the store, in byte order, filtered by prefix.

import { CloseButton, TextInput } from "@mantine/core";
import { type ReactNode, useCallback } from "react";
import { useFilter } from "../filter.ts";
import { formatCount } from "../format.ts";
import { replaceParams } from "../location.ts";
import { Search } from "../pieces/icons.tsx";
import { KeyList } from "../pieces/key-list.tsx";
import { Empty, Loading, Problem } from "../pieces/notices.tsx";
import { useKeys, usePreview, useStatus } from "../queries.ts";

export function Keys({ params }: { readonly params: URLSearchParams }): ReactNode {
  const { text, value: prefix, setText } = useFilter(params, "prefix");
  return (
    <section className="page">
      <div className="page-head">
        <h1>Keys</h1>
        <KeyCount />
        <TextInput
          className="filter"
          aria-label="Only keys that begin with"
          placeholder="Only keys that begin with…"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          leftSection={<Search />}
          rightSection={
            text && <CloseButton size="sm" aria-label="Clear the filter" onClick={() => setText("")} />
          }
        />
      </div>
      <PagedKeys prefix={prefix} open={params.get("open") ?? ""} />
    </section>
  );
}

function PagedKeys({ prefix, open }: { readonly prefix: string; readonly open: string }): ReactNode {
  const query = useKeys(encodeURIComponent(prefix), 200);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (query.error)
    return <Problem error={query.error} title="The keys cannot be listed" onRetry={query.refetch} />;
  if (!query.data) return <Loading rows={8} />;
  const keys = query.data.pages.flatMap((page) => page.keys);
  if (keys.length === 0) return <NoKeys prefix={prefix} />;
  const linked = open !== "" && !keys.some((entry) => entry.key === open);
  return (
    <>
      {linked && <LinkedKey open={open} />}
      <div className="card flush">
        <KeyList keys={keys} open={open} onOpen={(key) => replaceParams({ open: key })} onEnd={onEnd} />
        {isFetchingNextPage && <Loading rows={2} />}
      </div>
    </>
  );
}

/** A key that a link has opened, and that lies beyond the pages loaded so far. */
function LinkedKey({ open }: { readonly open: string }): ReactNode {
  const { data, error } = usePreview(open);
  const close = (): void => replaceParams({ open: "" });
  if (error)
    return <Problem error={error} title="The linked key cannot be shown" onRetry={close} retry="Close" />;
  if (!data) return <Loading rows={2} />;
  return (
    <div className="card flush">
      <KeyList keys={[data]} open={open} onOpen={close} />
    </div>
  );
}

function KeyCount(): ReactNode {
  const { data } = useStatus();
  return data ? <span className="count">{formatCount(data.keys)}</span> : null;
}

export function NoKeys({ prefix }: { readonly prefix: string }): ReactNode {
  if (prefix !== "")
    return <Empty title={`No key begins with “${prefix}”`}>Keys are compared byte by byte.</Empty>;
  return (
    <Empty title="No keys yet">
      <span>Store one with any memcached client, or a large file with the command:</span>
      <pre>{`printf 'set hello 0 0 5\\r\\nworld\\r\\nquit\\r\\n' | nc 127.0.0.1 11211\ncairn store NAME FILE`}</pre>
    </Empty>
  );
}
