// Posts by node:http: its `lookup` is where an address is checked, so what was checked is what is connected to.

import { type LookupAddress, lookup } from "node:dns";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import type { Poster } from "../../ports/poster.ts";
import { Fault, toFault } from "../../wire/faults.ts";

export interface HttpPosterOptions {
  /** Whether a URL's host, as an address, may be reached. */
  readonly allows: (address: string) => boolean;
  /** Resolves names; the system's by default. */
  readonly resolve?: typeof lookup;
}

export class HttpPoster implements Poster {
  readonly #options: HttpPosterOptions;

  constructor(options: HttpPosterOptions) {
    this.#options = options;
  }

  post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<number> {
    const { protocol, hostname } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, "");
    return new Promise((resolve, reject) => {
      const { allows } = this.#options;
      // An address in the URL is connected to without a lookup. A name is allowed here: it is no address yet.
      if (!allows(host)) return reject(refusal(host));
      const send = protocol === "https:" ? httpsRequest : httpRequest;
      const options = {
        method: "POST",
        headers: { ...headers, "content-length": String(Buffer.byteLength(body)) },
        lookup: checkedLookup(this.#options),
        agent: false,
        signal,
      } as const;
      const sent = send(url, options, (response) => {
        resolve(response.statusCode ?? 0);
        response.destroy();
      });
      sent.on("error", (error) => reject(explain(error, url)));
      sent.end(body);
    });
  }
}

/** All addresses of the name are checked, so that it does not matter which of them is taken. */
function checkedLookup({ allows, resolve = lookup }: HttpPosterOptions): LookupFunction {
  return (hostname, options, answer) => {
    resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      const [first] = addresses ?? [];
      const refused = addresses?.find(({ address }) => !allows(address));
      if (error || !first) answer(error ?? new Error(`${hostname} has no address`), "", 4);
      else if (refused) answer(refusal(refused.address), "", 4);
      else if (options.all) answer(null, addresses);
      else answer(null, first.address, first.family);
    });
  };
}

function refusal(address: string): Fault {
  return new Fault("forbidden", `${address} is an address of this machine or its network`, {
    hint: "Start the server with --webhook-private to allow that.",
  });
}

function explain(error: unknown, url: string): Fault {
  const fault = toFault(error);
  if (fault.code !== "internal") return fault;
  return new Fault("unreachable", `${url} cannot be reached: ${fault.message}`, { cause: error });
}
