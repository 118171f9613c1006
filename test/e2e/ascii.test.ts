// `cairn ascii` against the real server: 300 images in chunks, twice with one seed.

import { expect, test } from "bun:test";
import { Cairn } from "../support/cairn.ts";
import { figure, timed } from "../support/figures.ts";
import { CAIRN, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";

test("cairn ascii -files 300 ends in SUCCESS!", async () => {
  await using folder = await temporaryFolder();
  await using cairn = await Cairn.start({ database: folder.at("cairn.sqlite") });
  const ascii = (...options: string[]) =>
    run([CAIRN, "ascii", "-host", "127.0.0.1", "-port", new URL(cairn.image).port, ...options]);

  const { result, seconds } = await timed(() => ascii("-files", "300"));
  expect(result.code).toBe(0);
  expect(result.output).toEndWith("SUCCESS!\n");
  figure("cairn ascii -files 300", `${seconds.toFixed(2)} s`);

  expect((await ascii("-files", "5", "-seed", "7", "-chunksize", "100")).output).toEndWith("SUCCESS!\n");
});
