// Where the reader is: a section and its filters in the URL's fragment, so that every view can be linked to.

import { useSyncExternalStore } from "react";

export const SECTIONS = ["overview", "keys", "uploads", "files", "jobs"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Place {
  readonly section: Section;
  readonly params: URLSearchParams;
}

/** The current place; the component renders again when it changes. */
export function usePlace(): Place {
  return parsePlace(useSyncExternalStore(subscribe, () => window.location.hash));
}

/** `#/jobs?state=failed&open=1234` as a place; an unknown section is the overview. */
export function parsePlace(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const section = SECTIONS.find((name) => name === path) ?? "overview";
  return { section, params: new URLSearchParams(query) };
}

/** The link to a section with these filters; empty ones are left out. */
export function hrefTo(section: Section, params: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== ""));
  return query.size === 0 ? `#/${section}` : `#/${section}?${query}`;
}

/** Changes filters of the current section in place: typing in a filter leaves no trail of history entries. */
export function replaceParams(changes: Readonly<Record<string, string>>): void {
  const { section, params } = parsePlace(window.location.hash);
  window.history.replaceState(null, "", hrefTo(section, { ...Object.fromEntries(params), ...changes }));
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}
