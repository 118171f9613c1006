// One TCP connection to a memcached server: requests go out pipelined, replies come back in the same order.

import { connect, type Socket } from "node:net";
import { isFault } from "../../wire/faults.ts";
import { ReplyParser, type ValueReply } from "../../wire/memcached/client-replies.ts";
import { NotMemcached, ServerUnreachable, shown } from "./errors.ts";
import type { Room } from "./room.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Timeouts {
  /** Milliseconds until a connection must stand. */
  readonly connect: number;
  /** Milliseconds that a server may be silent while it owes a reply. */
  readonly idle: number;
}

/** `line`: one line. `values`: VALUE blocks up to END. `lines`: lines up to END. An error line ends any of them. */
export type ReplyKind = "line" | "values" | "lines";

export interface Reply {
  /** The line that ended the reply: `STORED`, `END`, `SERVER_ERROR …`. */
  readonly line: string;
  /** Of kind `values`; keys that are not there are left out. */
  readonly values: readonly ValueReply[];
}

export interface Request {
  /** The bytes of the request in order; text is ASCII. They may be reused once the reply is there. */
  readonly parts: readonly (string | Uint8Array)[];
  readonly kind: ReplyKind;
  /** Of kind `line`: the parts are so many requests, each answered by a line; default 1. */
  readonly replies?: number;
  /** Of kind `lines`: how each begins that does not end the reply. What begins otherwise is no memcached, and is not waited for. */
  readonly rows?: string | undefined;
  /** Receives the lines that come before the one that ends the reply. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Of kind `values`: what was asked for. Any other value, and more of them, is no answer, and would fill the memory. */
  readonly keys?: readonly string[];
  /** Where the values of the reply go; default: new memory. */
  readonly room?: Room | undefined;
}

/** A request that was sent, and what has come of its reply. */
interface Pending extends Omit<Request, "parts" | "replies" | "keys"> {
  readonly values: ValueReply[];
  /** Keys of the values that may come, and how many may. */
  readonly wanted: ReadonlySet<string>;
  readonly most: number;
  /** Lines still to come, of kind `line`. */
  left: number;
  resolve(reply: Reply): void;
  reject(error: unknown): void;
}

const READ_BYTES = 262_144;
const NO_KEYS: readonly string[] = [];
const NO_WANTED: ReadonlySet<string> = new Set();

/** Ends on the first error: everything that is still owed then fails with ServerUnreachable. */
export class Connection {
  readonly server: string;
  readonly #socket: Socket;
  readonly #idle: number;
  readonly #parser: ReplyParser;
  #pending: Pending[] = [];
  #next = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #failure: unknown;

  /** Throws ServerUnreachable when the connection does not stand in time, and the signal's reason. */
  static async open(address: Address, timeouts: Timeouts, signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    const server = nameOf(address);
    let connection: Connection | undefined;
    const socket = receiving(address, (bytes) => {
      if (connection) connection.#receive(bytes);
    });
    await connected(socket, server, timeouts.connect, signal);
    connection = new Connection(server, socket, timeouts.idle);
    return connection;
  }

  private constructor(server: string, socket: Socket, idle: number) {
    this.server = server;
    this.#socket = socket;
    this.#idle = idle;
    this.#parser = new ReplyParser({
      onLine: (line) => this.#takeLine(line),
      onValue: (value) => this.#takeValue(value),
      allocate: (bytes) => this.#head()?.room?.take(bytes) ?? new Uint8Array(bytes),
    });
    socket.removeAllListeners("error");
    socket.on("error", (cause) =>
      this.#fail(new ServerUnreachable(server, `broke the connection: ${describe(cause)}`, cause)),
    );
    socket.on("close", () => this.#fail(new ServerUnreachable(server, "closed the connection")));
  }

  /** False once it has failed or was closed; open another one then. */
  get usable(): boolean {
    return this.#failure === undefined;
  }

  /** Sends at once, behind what is under way. The reply may be an error line: the caller judges it. */
  exchange(request: Request): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const { kind, rows, replies: left = 1, onLine, room, keys = NO_KEYS } = request;
    const wanted = keys.length === 0 ? NO_WANTED : new Set(keys);
    const most = keys.length;
    return new Promise((resolve, reject) => {
      // Written out: of objects made by `...request` ten times as many outlive V8's young collections, and its heap grows (Node 20).
      this.#pending.push({ kind, rows, onLine, room, values: [], wanted, most, left, resolve, reject });
      this.#write(request.parts);
      if (this.#watchdog === undefined) this.#watch();
    });
  }

  /** What is still owed fails. The process may end afterwards. */
  close(): void {
    this.#fail(new ServerUnreachable(this.server, "was left: the client was closed"));
  }

  #write(parts: Request["parts"]): void {
    const alone = parts.length === 1;
    if (!alone) this.#socket.cork();
    for (const part of parts) {
      // Bytes that leave are a sign of life too: a slow link needs long for a chunk that nobody answers yet.
      if (typeof part === "string") this.#socket.write(part, "latin1");
      else this.#socket.write(part, this.#refresh);
    }
    if (!alone) this.#socket.uncork();
  }

  readonly #refresh = (): void => {
    this.#watchdog?.refresh();
  };

  #head(): Pending | undefined {
    return this.#pending[this.#next];
  }

  #receive(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return;
    this.#watchdog?.refresh();
    try {
      this.#parser.push(bytes);
    } catch (error) {
      this.#fail(isFault(error) ? new NotMemcached(this.server, error.message, error) : error);
    }
  }

  #takeValue(value: ValueReply): void {
    const pending = this.#head();
    if (pending?.wanted.has(value.key) && pending.values.length < pending.most) pending.values.push(value);
    else
      this.#fail(new NotMemcached(this.server, `it sent "${shown(value.key)}" without being asked for it`));
  }

  #takeLine(line: string): void {
    const pending = this.#head();
    if (!pending) {
      this.#fail(new NotMemcached(this.server, `it sent what was not asked for: "${shown(line)}"`));
      return;
    }
    if (pending.kind === "lines" ? !endsLines(line) : --pending.left > 0) {
      if (line.startsWith(pending.rows ?? "")) pending.onLine?.(line);
      else this.#fail(new NotMemcached(this.server, `it answered "${shown(line)}"`));
      return;
    }
    this.#pending[this.#next++] = SETTLED;
    if (this.#next === this.#pending.length) {
      this.#pending = [];
      this.#next = 0;
      this.#unwatch();
    }
    pending.resolve({ line, values: pending.values });
  }

  #watch(): void {
    this.#watchdog = setTimeout(() => {
      this.#fail(new ServerUnreachable(this.server, `was silent for ${this.#idle} ms`));
    }, this.#idle);
  }

  #unwatch(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#unwatch();
    this.#socket.destroy();
    const owed = this.#pending.slice(this.#next);
    this.#pending = [];
    this.#next = 0;
    for (const pending of owed) pending.reject(error);
  }
}

/** The bytes are valid during the call only: a buffer per read would leave as much garbage as the file is large. */
function receiving({ host, port }: Address, receive: (bytes: Uint8Array) => void): Socket {
  if (process.versions.bun !== undefined) {
    // Bun copies into the buffer of `onread` what it has put into a new one before. So the new one is freed as soon as it was read.
    return connect({ host, port, noDelay: true }).on("data", (bytes: Buffer) => {
      receive(bytes);
      if (bytes.length === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer) {
        bytes.buffer.transfer(0);
      }
    });
  }
  const buffer = new Uint8Array(READ_BYTES);
  const callback = (count: number) => {
    receive(buffer.subarray(0, count));
    return true;
  };
  return connect({ host, port, noDelay: true, onread: { buffer, callback } });
}

function connected(socket: Socket, server: string, timeout: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    const fail = (error: unknown) =>
      settle(() => {
        socket.destroy();
        reject(error);
      });
    const onAbort = () => fail(signal.reason);
    const timer = setTimeout(
      () => fail(new ServerUnreachable(server, `did not accept a connection within ${timeout} ms`)),
      timeout,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => settle(resolve));
    socket.once("error", (cause) =>
      fail(new ServerUnreachable(server, `is not reachable: ${describe(cause)}`, cause)),
    );
  });
}

export function nameOf({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Stands in the queue where a request was, so that its buffers are not kept. */
const SETTLED: Pending = {
  kind: "line",
  rows: undefined,
  onLine: undefined,
  room: undefined,
  values: [],
  wanted: NO_WANTED,
  most: 0,
  left: 0,
  resolve() {
    throw new Error("this reply was taken before");
  },
  reject() {
    throw new Error("this reply was taken before");
  },
};

function endsLines(line: string): boolean {
  return /^(END|ERROR|CLIENT_ERROR|SERVER_ERROR|BUSY|BADCLASS|NOTSTARTED)\b/.test(line);
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return error.message || code || error.name;
}
