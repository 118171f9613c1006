// The mark that tells from an id which of two stores holds its bytes.

const MARK = "s-";

/** The outer id of what the store for small things calls `id`. */
export function markSmall(id: string): string {
  return MARK + id;
}

/** True when `id` names something in the store for small things. */
export function isSmall(id: string): boolean {
  return id.startsWith(MARK);
}

/** What the store itself calls it. */
export function innerId(id: string): string {
  return isSmall(id) ? id.slice(MARK.length) : id;
}
