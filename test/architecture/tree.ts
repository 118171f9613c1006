// Reads a source tree with TypeScript's own parser into the facts that the rules judge.
//
// TypeScript 7 offers its parser under "unstable": the lock pins the version, and the checker's own test would notice.
// The asynchronous interface, because the synchronous one needs a part of Node that Bun has not.

import { readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { Glob } from "bun";
import type { ImportDeclaration, Node, SourceFile } from "typescript/unstable/ast";
import {
  isArrowFunction,
  isCallExpression,
  isConstructorDeclaration,
  isExportDeclaration,
  isFunctionDeclaration,
  isFunctionExpression,
  isGetAccessorDeclaration,
  isIdentifier,
  isImportDeclaration,
  isImportTypeNode,
  isMethodDeclaration,
  isNamedImports,
  isNewExpression,
  isPropertyAccessExpression,
  isSetAccessorDeclaration,
  isStringLiteral,
} from "typescript/unstable/ast/is";
import { API } from "typescript/unstable/async";

/** `late`: `await import()`. `types`: erased before it runs. */
export type ImportKind = "value" | "types" | "late";

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** From the tree's root, for a relative specifier; else undefined: a library. */
  readonly path: string | undefined;
  readonly kind: ImportKind;
  readonly line: number;
}

export interface Place {
  readonly line: number;
  readonly what: string;
}

export interface FileFacts {
  /** From the tree's root: `src/wire/faults.ts`. */
  readonly path: string;
  readonly text: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  readonly functions: readonly (Place & { readonly lines: number })[];
  /** `console` and `Bun` as values, by the line of their use. */
  readonly globals: readonly Place[];
  /** Calls that let time pass: `Bun.sleep()`, `sleep()`, a promise resolved by a timer. */
  readonly waits: readonly Place[];
  /** `export * from`. */
  readonly starExports: readonly Place[];
}

/** Every TypeScript file under these folders. The tree needs a tsconfig.json that includes them. */
export async function readTree(root: string, folders: readonly string[]): Promise<FileFacts[]> {
  const paths: string[] = [];
  for (const folder of folders) {
    for await (const path of new Glob(`${folder}/**/*.{ts,tsx}`).scan({ cwd: root })) paths.push(path);
  }
  const api = new API({ cwd: root });
  try {
    const snapshot = await api.updateSnapshot({ openProjects: [join(root, "tsconfig.json")] });
    const program = snapshot.getProjects()[0]?.program;
    if (!program) throw new Error(`${root}: no tsconfig.json to read the tree with`);
    return await Promise.all(
      paths.sort().map(async (path) => {
        const source = await program.getSourceFile(join(root, path));
        if (!source) throw new Error(`${path} is not included by tsconfig.json, so nothing checks it`);
        return factsOf(path, await readFile(join(root, path), "utf8"), source);
      }),
    );
  } finally {
    await api.close();
  }
}

function factsOf(path: string, text: string, source: SourceFile): FileFacts {
  const facts = {
    path,
    text,
    lines: text.split("\n").length - (text.endsWith("\n") ? 1 : 0),
    imports: [] as Import[],
    functions: [] as (Place & { lines: number })[],
    globals: [] as Place[],
    waits: [] as Place[],
    starExports: [] as Place[],
  };
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1;
  const place = (node: Node, what: string): Place => ({ line: lineOf(node.getStart(source)), what });
  const visit = (node: Node): void => {
    for (const [specifier, kind] of importsOf(node)) {
      const target = specifier.startsWith(".") ? normalize(join(dirname(path), specifier)) : undefined;
      facts.imports.push({ specifier, path: target, kind, line: place(node, "").line });
    }
    if (isFunction(node)) {
      const start = place(node, nameOf(node, source));
      facts.functions.push({ ...start, lines: lineOf(node.getEnd()) - start.line + 1 });
    }
    const global = globalOf(node);
    if (global) facts.globals.push(place(node, global));
    const wait = waitOf(node, source);
    if (wait) facts.waits.push(place(node, wait));
    if (isExportDeclaration(node) && node.moduleSpecifier && !node.exportClause) {
      facts.starExports.push(place(node, node.moduleSpecifier.getText(source)));
    }
    node.forEachChild((child) => visit(child));
  };
  visit(source);
  return facts;
}

function importsOf(node: Node): [string, ImportKind][] {
  if (isImportDeclaration(node) && isStringLiteral(node.moduleSpecifier)) {
    return [[node.moduleSpecifier.text, onlyTypes(node) ? "types" : "value"]];
  }
  if (isExportDeclaration(node) && node.moduleSpecifier && isStringLiteral(node.moduleSpecifier)) {
    return [[node.moduleSpecifier.text, node.isTypeOnly ? "types" : "value"]];
  }
  if (isCallExpression(node) && node.expression.getText() === "import") {
    const [argument] = node.arguments;
    return argument && isStringLiteral(argument) ? [[argument.text, "late"]] : [];
  }
  if (isImportTypeNode(node)) {
    const text = node.argument.getText().slice(1, -1);
    return [[text, "types"]];
  }
  return [];
}

/** `import type …`, or every single name in it is a type. */
function onlyTypes(node: ImportDeclaration): boolean {
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.getText().startsWith("type ")) return true;
  const names = clause.namedBindings;
  if (clause.name || !names || !isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every((element) => element.isTypeOnly);
}

function isFunction(node: Node): boolean {
  return (
    isFunctionDeclaration(node) ||
    isFunctionExpression(node) ||
    isArrowFunction(node) ||
    isMethodDeclaration(node) ||
    isConstructorDeclaration(node) ||
    isGetAccessorDeclaration(node) ||
    isSetAccessorDeclaration(node)
  );
}

/** The name of a function, or of what it is assigned to; for messages. */
function nameOf(node: Node, source: SourceFile): string {
  if (isConstructorDeclaration(node)) return "constructor";
  for (const of of [node, node.parent]) {
    const name = (of as { readonly name?: Node } | undefined)?.name;
    if (name) return name.getText(source);
  }
  return "(unnamed)";
}

function globalOf(node: Node): string | undefined {
  if (!isPropertyAccessExpression(node) || !isIdentifier(node.expression)) return undefined;
  const name = node.expression.text;
  return name === "console" || name === "Bun" ? `${name}.${node.name.getText()}` : undefined;
}

function waitOf(node: Node, source: SourceFile): string | undefined {
  if (!isCallExpression(node)) return undefined;
  const callee = node.expression.getText(source);
  if (callee === "sleep" || callee === "Bun.sleep" || callee === "Bun.sleepSync") return `${callee}()`;
  if (callee !== "setTimeout" && callee !== "globalThis.setTimeout") return undefined;
  const [action] = node.arguments;
  const resolve = promiseResolver(node);
  if (!action || resolve === undefined) return undefined;
  // A timer that does nothing but resolve the promise around it is a sleep; one that rejects it is a deadline.
  const text = action.getText(source);
  const wakes = text === resolve || new RegExp(`^\\(\\)\\s*=>\\s*${resolve}\\(`).test(text);
  return wakes ? "a promise resolved by setTimeout()" : undefined;
}

/** The name that the nearest `new Promise((name, …) => …)` around `node` gives its resolving function. */
function promiseResolver(node: Node): string | undefined {
  for (let at: Node | undefined = node.parent; at; at = at.parent) {
    if (!isNewExpression(at) || at.expression.getText() !== "Promise") continue;
    const executor = at.arguments?.[0];
    if (executor && (isArrowFunction(executor) || isFunctionExpression(executor))) {
      return executor.parameters[0]?.name.getText();
    }
  }
  return undefined;
}
