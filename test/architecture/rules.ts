// The rules of docs/architecture.md and of our style, as pure functions from facts to complaints.

import type { Allowance, Room, Table } from "./table.ts";
import type { FileFacts, Import } from "./tree.ts";

/** Path → why it may. */
export type Exceptions = Readonly<Record<string, string>>;

/** `file:line: what is wrong` for each import that the table does not allow. */
export function forbiddenImports(files: readonly FileFacts[], table: Table): string[] {
  const known = new Set(files.map(({ path }) => path));
  return files.flatMap((file) => {
    const room = roomOf(file.path, table.rooms);
    if (!room)
      return file.path.startsWith("src/") ? [`${file.path}: no row of docs/architecture.md covers it`] : [];
    return file.imports.flatMap((one) => {
      const wrong =
        one.path === undefined
          ? libraryFault(file.path, one, table)
          : arrowFault(room, one, one.path, table.rooms, known);
      return wrong ? [`${file.path}:${one.line}: imports ${JSON.stringify(one.specifier)}: ${wrong}`] : [];
    });
  });
}

/** The longest row that the path lies in. */
export function roomOf(path: string, rooms: readonly Room[]): Room | undefined {
  return rooms
    .filter((room) => covers(room.path, path))
    .reduce<Room | undefined>(
      (best, room) => (room.path.length > (best?.path.length ?? 0) ? room : best),
      undefined,
    );
}

function arrowFault(
  room: Room,
  one: Import,
  path: string,
  rooms: readonly Room[],
  known: ReadonlySet<string>,
): string | undefined {
  if (path === "package.json" || /^src\/.*\.(css|html|svg)$/.test(path)) return undefined;
  if (!/\.tsx?$/.test(path)) return "write the file's name with its extension";
  if (!known.has(path)) return "there is no such file";
  const target = roomOf(path, rooms);
  if (room.imports === null || target?.path === room.path) return undefined;
  // A file with a row of its own still lives in its folder's room.
  if (target && (covers(target.path, room.path) || covers(room.path, target.path))) return undefined;
  return allowanceFault(room.imports, path, one, `${room.path} may import ${listOf(room.imports)}`);
}

function libraryFault(path: string, one: Import, table: Table): string | undefined {
  const library = table.libraries
    .filter(({ name }) => matches(name, one.specifier))
    .sort((a, b) => b.name.length - a.name.length)[0];
  if (!path.startsWith("src/")) return undefined;
  if (!library) return "docs/architecture.md does not list this library";
  return allowanceFault(
    library.rooms,
    path,
    one,
    `${library.name} belongs to ${listOf(library.rooms)}`,
    path,
  );
}

/** `of`: what the allowed paths are compared with; the import's target, or the importing file for a library. */
function allowanceFault(
  allowed: ReadonlyMap<string, Allowance>,
  path: string,
  one: Import,
  otherwise: string,
  of = path,
): string | undefined {
  const hows = [...allowed].filter(([room]) => covers(room, of)).map(([, how]) => how);
  if (hows.length === 0) return otherwise;
  if (hows.includes("any") || one.kind === "types") return undefined;
  if (hows.includes("late")) return one.kind === "late" ? undefined : "only by a late `await import()`";
  return "only its types: `import type`";
}

function covers(room: string, path: string): boolean {
  return path === room || path.startsWith(`${room}/`);
}

/** `react` also stands for `react/jsx-runtime`; `@mantine/*` for all of that scope; `node:*` for all of Node's. */
function matches(name: string, specifier: string): boolean {
  if (name.endsWith("*")) return specifier.startsWith(name.slice(0, -1));
  return specifier === name || specifier.startsWith(`${name}/`);
}

function listOf(allowed: ReadonlyMap<string, Allowance>): string {
  const names = [...allowed].map(([name, how]) => (how === "any" ? name : `${name} (${how})`));
  return names.length === 0 ? "nothing" : names.join(", ");
}

/** Each cycle of imports once, as `a → b → a`. Late imports do not close one: they run when all is loaded. */
export function importCycles(files: readonly FileFacts[]): string[] {
  const targets = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.flatMap((one) => (one.kind !== "late" && one.path !== undefined ? [one.path] : [])),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path].join(" → "));
    if (start >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) walk(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) walk(path, []);
  return cycles;
}

/** `console` outside the one file that prints; `Bun` where Node or a browser runs the file. */
export function forbiddenGlobals(
  files: readonly FileFacts[],
  printing: string,
  portable: readonly string[],
): string[] {
  return files.flatMap((file) =>
    file.globals.flatMap(({ what, line }) => {
      const at = `${file.path}:${line}: uses ${what}`;
      if (what.startsWith("console."))
        return file.path === printing ? [] : [`${at}: only ${printing} prints`];
      return portable.some((room) => covers(room, file.path)) ? [`${at}: it must run without Bun`] : [];
    }),
  );
}

/** Libraries of Node that the pure rooms must not know. */
export function impureImports(files: readonly FileFacts[], pure: readonly string[]): string[] {
  const outside = /^node:(fs|net|tls|https?|dgram|child_process|path)(\/|$)/;
  return files
    .filter(({ path }) => pure.some((room) => covers(room, path)))
    .flatMap((file) =>
      file.imports
        .filter(({ specifier }) => outside.test(specifier))
        .map(
          ({ specifier, line }) =>
            `${file.path}:${line}: imports ${specifier}: it knows no disk and no network`,
        ),
    );
}

const DRAWERS = /^(utils?|helpers?|common|types?|constants?|misc|shared|lib)$/;

/** Names that say nothing, names that are not kebab-case, and barrels. */
export function poorNames(paths: readonly string[], mayBeIndex: readonly string[]): string[] {
  return paths.flatMap((path) => {
    const parts = path.split("/");
    const drawer = parts.find((part) => DRAWERS.test(part.split(".")[0] ?? ""));
    if (drawer) return [`${path}: ${drawer} is a drawer; name it by what is in it`];
    // Python's modules have their own custom.
    const odd = path.endsWith(".py")
      ? undefined
      : parts.find((part) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*$/.test(part));
    if (odd) return [`${path}: ${odd} is not kebab-case`];
    const barrel = /(^|\/)index\.tsx?$/.test(path) && !mayBeIndex.some((room) => covers(room, path));
    return barrel ? [`${path}: a barrel; only the published client has one`] : [];
  });
}

/** A file begins with a comment that is a sentence. */
export function missingSentences(files: readonly FileFacts[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n").filter((line, index) => index > 0 || !line.startsWith("#!"));
    const end = lines.findIndex((line) => !line.startsWith("//"));
    const comment = lines.slice(0, end < 0 ? lines.length : end).map((line) => line.slice(2).trim());
    const sentence = /^\S+( \S+)+[.?!:]/s.test(comment.join(" ")) && lines[0]?.startsWith("// ") === true;
    return sentence
      ? []
      : [`${path}:1: the first line must be a comment: one sentence on what the file is for`];
  });
}

export interface Limits {
  readonly fileLines: number;
  readonly functionLines: number;
}

export function oversized(files: readonly FileFacts[], limits: Limits, exceptions: Exceptions): string[] {
  return files.flatMap((file) => {
    const long = file.functions
      .filter(({ lines }) => lines > limits.functionLines)
      .map(
        ({ what, line, lines }) =>
          `${file.path}:${line}: ${what} has ${lines} lines, over ${limits.functionLines}`,
      );
    const excepted = Object.hasOwn(exceptions, file.path);
    if (file.lines <= limits.fileLines || excepted) return long;
    return [...long, `${file.path}: has ${file.lines} lines, over ${limits.fileLines}`];
  });
}

/** Tests wait for conditions, not for time. */
export function sleepingTests(files: readonly FileFacts[], exceptions: Exceptions): string[] {
  return files
    .filter(({ path }) => !Object.hasOwn(exceptions, path))
    .flatMap((file) => [
      ...file.waits.map(
        ({ what, line }) => `${file.path}:${line}: waits by ${what}; wait for a condition, or move a clock`,
      ),
      ...file.imports
        .filter(({ specifier }) => specifier === "node:timers/promises")
        .map(
          ({ line }) =>
            `${file.path}:${line}: imports timers that sleep; wait for a condition, or move a clock`,
        ),
    ]);
}

/** Exceptions that nothing needs any more. */
export function staleExceptions(files: readonly FileFacts[], ...lists: readonly Exceptions[]): string[] {
  const known = new Set(files.map(({ path }) => path));
  return lists.flatMap((list) =>
    Object.keys(list)
      .filter((path) => !known.has(path))
      .map((path) => `${path}: is excepted, and is not there`),
  );
}

/** Export-all hides what a file offers. */
export function starExports(files: readonly FileFacts[], mayBeIndex: readonly string[]): string[] {
  return files
    .filter(({ path }) => !mayBeIndex.some((room) => covers(room, path)))
    .flatMap((file) =>
      file.starExports.map(({ what, line }) => `${file.path}:${line}: export * from ${what}`),
    );
}

/** A lock that names the place it was made on works nowhere else. */
export function localLockEntries(lock: string): string[] {
  return lock.split("\n").flatMap((text, index) => {
    const local = /^\s*"resolved"|"(file|link):|"\/(home|root|work|tmp|Users|usr)\//.test(text);
    return local ? [`package-lock.json:${index + 1}: ${text.trim()}`] : [];
  });
}
