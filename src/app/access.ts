// Who may come in: the users of the auth file and the certificate, which SIGHUP reads again.

import { readFileSync } from "node:fs";
import { Credentials } from "../domain/access/credentials.ts";
import type { Renewal } from "../doors/memcached/door.ts";
import type { Log } from "../ports/log.ts";
import { Fault, toFault } from "../wire/faults.ts";
import type { Settings } from "./settings.ts";

type AccessFiles = Pick<Settings, "authFile" | "tlsCert" | "tlsKey">;

export class Access implements Disposable {
  readonly #files: AccessFiles;
  readonly #log: Log;
  #current: Renewal;
  #follow: (renewal: Renewal) => void = () => undefined;
  readonly #onSignal = () => this.#renew();

  /** Fault `invalid` for files that cannot be read, or do not say what they should. */
  constructor(files: AccessFiles, log: Log) {
    this.#files = files;
    this.#log = log;
    this.#current = readAccess(files);
    if (files.authFile !== undefined || files.tlsCert !== undefined) process.on("SIGHUP", this.#onSignal);
  }

  /** As the files said when they were read last. */
  get current(): Renewal {
    return this.#current;
  }

  /** `renew` is called with what was read again; if it throws, all stays as it was. */
  follow(renew: (renewal: Renewal) => void): void {
    this.#follow = renew;
  }

  [Symbol.dispose](): void {
    process.off("SIGHUP", this.#onSignal);
  }

  #renew(): void {
    try {
      const renewal = readAccess(this.#files);
      this.#follow(renewal);
      this.#current = renewal;
      this.#log.info("access.renewed");
    } catch (error) {
      const { message, hint } = toFault(error);
      this.#log.error("access.not-renewed", { error: message, hint });
    }
  }
}

function readAccess({ authFile, tlsCert, tlsKey }: AccessFiles): Renewal {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw new Fault("invalid", "--tls-cert and --tls-key belong together, and one of them is missing");
  }
  // A character for each byte, as the doors hand names over.
  const credentials = authFile && Credentials.parse(read(authFile, "auth-file", "latin1"), authFile);
  const tls = tlsCert && tlsKey && { cert: read(tlsCert, "tls-cert"), key: read(tlsKey, "tls-key") };
  return { credentials: credentials || undefined, tls: tls || undefined };
}

function read(path: string, flag: string, encoding: "utf8" | "latin1" = "utf8"): string {
  try {
    return readFileSync(path, encoding);
  } catch (cause) {
    throw new Fault("invalid", `--${flag}: ${path} cannot be read`, { cause });
  }
}
