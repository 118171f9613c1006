// Values and names inside of SQL.

/** The type that holds every number of the contract exactly. */
export const DECIMAL = "DECIMAL(38, 9)";

export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
