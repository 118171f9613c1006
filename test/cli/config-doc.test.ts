// docs/config.md says what the table of settings says.

import { expect, test } from "bun:test";
import { CONFIG_DOC, configDoc } from "../../scripts/config-doc.ts";

test("docs/config.md is made from the table of settings (npm run docs renews it)", async () => {
  expect(await Bun.file(CONFIG_DOC).text()).toBe(configDoc());
});
