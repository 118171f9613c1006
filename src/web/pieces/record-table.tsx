// A table of records whose rows can be opened for their details; on a narrow window it keeps the columns that matter.

import { Button, Table } from "@mantine/core";
import { type ColumnDef, type RowData, tableFeatures, useTable } from "@tanstack/react-table";
import { Fragment, type ReactNode } from "react";
import { Chevron } from "./icons.tsx";

const features = tableFeatures({});
export type Column<T extends RowData> = ColumnDef<typeof features, T>;

/** A column that shows `cell(record)`. `name` also is its class: styles/narrow.css hides some of them when it is narrow. */
export function column<T extends RowData>(
  name: string,
  header: string,
  cell: (record: T) => ReactNode,
): Column<T> {
  return { id: name, header, cell: ({ row }) => cell(row.original) };
}

export interface RecordTableProps<T extends RowData> {
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly records: readonly T[];
  readonly idOf: (record: T) => string;
  readonly nameOf: (record: T) => string;
  /** The id of the opened record; empty for none. */
  readonly open: string;
  readonly onOpen: (id: string) => void;
  readonly details: (record: T) => ReactNode;
}

export function RecordTable<T extends RowData>(props: RecordTableProps<T>): ReactNode {
  const table = useTable({
    features,
    columns: props.columns,
    data: props.records,
    getRowId: (record) => props.idOf(record),
  });
  const [headers] = table.getHeaderGroups();
  return (
    <div className="records-frame">
      <Table aria-label={props.label} className="records" verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th className="col-toggle" aria-label="Details" />
            {headers?.headers.map((header) => (
              <Table.Th key={header.id} className={`col-${header.id}`}>
                <table.FlexRender header={header} />
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {table.getRowModel().rows.map((row) => (
            <Fragment key={row.id}>
              <Table.Tr data-id={row.id} data-open={row.id === props.open || undefined}>
                <Table.Td className="col-toggle">
                  <Toggle
                    label={`Details of ${props.nameOf(row.original)}`}
                    open={row.id === props.open}
                    onToggle={() => props.onOpen(row.id === props.open ? "" : row.id)}
                  />
                </Table.Td>
                {row.getAllCells().map((cell) => (
                  <Table.Td key={cell.id} className={`col-${cell.column.id}`}>
                    <table.FlexRender cell={cell} />
                  </Table.Td>
                ))}
              </Table.Tr>
              {row.id === props.open && (
                <Table.Tr className="details-row">
                  <Table.Td colSpan={props.columns.length + 1}>{props.details(row.original)}</Table.Td>
                </Table.Tr>
              )}
            </Fragment>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** Asks for the next page, if there is one. */
export function LoadMore({
  query,
}: {
  readonly query: {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    fetchNextPage: () => Promise<unknown>;
  };
}): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <div className="more">
      <Button variant="default" loading={query.isFetchingNextPage} onClick={() => query.fetchNextPage()}>
        Load more
      </Button>
    </div>
  );
}

function Toggle({
  label,
  open,
  onToggle,
}: {
  readonly label: string;
  readonly open: boolean;
  readonly onToggle: () => void;
}): ReactNode {
  return (
    <button type="button" className="toggle" aria-label={label} aria-expanded={open} onClick={onToggle}>
      <Chevron />
    </button>
  );
}
