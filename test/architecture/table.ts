// Reads the tables of rooms and of libraries from docs/architecture.md, so that the page and the check cannot drift.

export type Allowance = "any" | "types" | "late";

export interface Room {
  /** A folder or a file, from the root: `src/domain/kv`. */
  readonly path: string;
  /** Folder or file → how it may be imported; "everything" is null. */
  readonly imports: ReadonlyMap<string, Allowance> | null;
}

export interface Library {
  /** `zod`, or `@mantine/*` for all whose names begin so. */
  readonly name: string;
  readonly rooms: ReadonlyMap<string, Allowance>;
}

export interface Table {
  readonly rooms: readonly Room[];
  readonly libraries: readonly Library[];
}

export function readTable(markdown: string): Table {
  const rooms = rowsUnder(markdown, "folder").flatMap(([paths = "", , imports = ""]) =>
    [...namesIn(paths).keys()].map((path) => ({
      path,
      imports: imports === "everything" ? null : imports === "nothing" ? new Map() : namesIn(imports),
    })),
  );
  const libraries = rowsUnder(markdown, "library").flatMap(([names = "", places = ""]) =>
    [...namesIn(names).keys()].map((name) => ({ name, rooms: namesIn(places) })),
  );
  if (rooms.length === 0 || libraries.length === 0) {
    throw new Error("docs/architecture.md has no table of folders, or none of libraries");
  }
  return { rooms, libraries };
}

/** The cells of the rows of the table whose first heading is `heading`. */
function rowsUnder(markdown: string, heading: string): string[][] {
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  if (start < 0) return [];
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

/** `` `src/ports` (types), `src/wire` `` → src/ports: types, src/wire: any. */
function namesIn(cell: string): Map<string, Allowance> {
  const names = new Map<string, Allowance>();
  for (const [, name = "", how] of cell.matchAll(/`([^`]+)`(?:\s*\((types|late)\))?/g)) {
    names.set(name, how === "types" || how === "late" ? how : "any");
  }
  return names;
}
