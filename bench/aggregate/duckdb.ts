// DuckDB called directly, as its users would, with the memory and the threads that ours has: `duckdb.ts INPUT OUTPUT GROUP…`.

import { DuckDBInstance } from "@duckdb/node-api";

const [input = "", output = "", ...groups] = process.argv.slice(2);
const instance = await DuckDBInstance.create(":memory:", {
  threads: "2",
  memory_limit: "512MB",
  temp_directory: `${output}.spill`,
});
const connection = await instance.connect();
const columns = groups.map((name) => `"${name}"`).join(", ");
await connection.run(`SET preserve_insertion_order = false`);
await connection.run(
  `COPY (SELECT ${columns}, sum("Number of Plays") AS total FROM read_csv('${input}', header = true,
     types = {'Song': 'VARCHAR', 'Date': 'VARCHAR'}) GROUP BY ALL ORDER BY ALL) TO '${output}' (HEADER true)`,
);
connection.closeSync();
instance.closeSync();
