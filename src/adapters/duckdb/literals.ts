// Values, names and types inside of SQL.

/** The type that holds every number of the contract exactly. */
export const DECIMAL = "DECIMAL(38, 9)";

export const NARROW_PLACES = 18;
/** The same to the last place, but below 10^9: it is one machine word, which makes it as fast as an integer. */
export const NARROW = `DECIMAL(${NARROW_PLACES}, 9)`;

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
