// Which URLs a webhook may have.

import { Fault } from "../../wire/faults.ts";

const LONGEST_URL = 2_000;

/**
 * Fault `invalid` unless it is an http(s) URL; `forbidden` if its host is one that notices must not go to. (What a
 * name leads to is only known, and checked, when a notice is sent.)
 */
export function requireWebhook(text: string, allowsHost: (host: string) => boolean): void {
  const shown = JSON.stringify(text.slice(0, 200));
  const url = URL.canParse(text) && text.length <= LONGEST_URL ? new URL(text) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new Fault("invalid", `the webhook ${shown} is not an http or https URL`);
  }
  if (!allowsHost(url.hostname.replace(/^\[|\]$/g, ""))) {
    throw new Fault("forbidden", `the webhook ${shown} leads to this machine or its network`, {
      hint: "Start the server with --webhook-private to allow that.",
    });
  }
}
