// Runs the poster suite against every adapter.

import { HttpPoster, type HttpPosterOptions } from "../../src/adapters/http/poster.ts";
import { posterConformance } from "./poster.suite.ts";

posterConformance("http", ({ allows, address }) => {
  const resolve = ((_name: string, _options: unknown, answer: (error: null, found: unknown) => void) =>
    answer(null, [{ address, family: 4 }])) as unknown as NonNullable<HttpPosterOptions["resolve"]>;
  return new HttpPoster({ allows, resolve });
});
