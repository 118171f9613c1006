// Sends a small body to a URL of somebody else: how webhooks are told.

/**
 * Contract, for every adapter:
 * - Resolves with the status of the answer, whatever it is; redirects are not followed, the answer's body is not read.
 * - Unless it was allowed when the adapter was opened, nothing is sent to an address inside of the server's own network:
 *   Fault `forbidden`, also when a name resolves to one.
 * - Errors are Faults: `forbidden`, `unreachable`, `cancelled`.
 */
export interface Poster {
  post(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string,
    signal: AbortSignal,
  ): Promise<number>;
}
