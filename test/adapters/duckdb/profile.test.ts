// What a profile tells of a scan, and that one which does not tell it fails instead of counting wrongly.

import { expect, test } from "bun:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { NO_PROFILE, profileAt, scannedRows } from "../../../src/adapters/duckdb/profile.ts";
import { temporaryFolder } from "../../support/temporary.ts";

test("the rows of a scan by several threads are all counted; those of two scans, or of none, are no answer", async () => {
  await using folder = await temporaryFolder();
  const [path, csv] = [folder.at("it's a profile.json"), folder.at("rows.csv")];
  const rows = 500_000;
  await Bun.write(csv, `a\n${Array.from({ length: rows }, (_, i) => `${i}\n`).join("")}`);
  const instance = await DuckDBInstance.create(":memory:", { threads: "4" });
  const connection = await instance.connect();
  const profileOf = async (sql: string) => {
    await connection.run(profileAt(path));
    await connection.run(sql);
    await connection.run(NO_PROFILE);
    return Bun.file(path).text();
  };
  try {
    const read = `read_csv('${csv}', auto_detect = false, header = true, columns = {'a': 'BIGINT'}, buffer_size = 65536)`;
    expect(scannedRows(await profileOf(`SELECT a % 10, sum(a) FROM ${read} GROUP BY 1 ORDER BY 1`))).toBe(
      rows,
    );
    const twice = await profileOf(`SELECT sum(a) FROM ${read} UNION ALL SELECT sum(a) FROM ${read}`);
    expect(() => scannedRows(twice)).toThrow("tells nothing of the scan");
    const none = await profileOf("SELECT 1");
    expect(() => scannedRows(none)).toThrow("tells nothing of the scan");
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
});
