// Servers that misbehave: one between the client and a real memcached, and one that says only what it was told.

import { connect, createServer, type Server, type Socket } from "node:net";

export interface Misbehaving extends AsyncDisposable {
  /** Connections that stand. */
  readonly connections: number;
  /** `127.0.0.1:port`. */
  readonly address: string;
  /** Ends every connection at once, or the one of that number, oldest first; new ones are taken. */
  cut(which?: number): void;
}

/** Like the server behind it, but without meta commands, as memcached before 1.6. */
export function withoutMeta(server: string): Promise<Misbehaving> {
  return proxy(server, (request, client) => {
    if (!/^m[nge]/.test(request.toString("latin1", 0, 2))) return request;
    client.write("ERROR\r\n".repeat(request.toString("latin1").split("\r\n").length - 1));
    return undefined;
  });
}

/** Like the server behind it, but its listing walks the lists of recent use only, as those of memcached 1.4.31 to 1.5. */
export function withoutHashWalk(server: string): Promise<Misbehaving> {
  return proxy(server, (request, client) => {
    if (!request.toString("latin1").startsWith("lru_crawler metadump hash")) return request;
    client.write("BADCLASS invalid class id\r\n");
    return undefined;
  });
}

/** Like the server behind it, but it says that its items may have so many bytes: a real one so small crashes (1.6.18). */
export function withItemLimit(server: string, bytes: number): Promise<Misbehaving> {
  const told = (answer: Buffer) =>
    Buffer.from(answer.toString("latin1").replace(/item_size_max \d+/, `item_size_max ${bytes}`), "latin1");
  return proxy(server, (request) => request, told);
}

/** Loses the first item that is stored under a key that ends with `end`, as a server that evicts it at once. */
export async function losing(server: string, end: string): Promise<Misbehaving & { readonly lost: boolean }> {
  let lost = false;
  const between = await proxy(server, (request) => {
    const at = request.indexOf(`${end} 0 0 `, 0, "latin1");
    if (lost || at < 0) return request;
    lost = true;
    const changed = Buffer.from(request);
    changed.write("~", at + end.length - 1, "latin1");
    return changed;
  });
  // Not a copy of its fields: `connections` changes.
  return Object.defineProperty(between, "lost", { get: () => lost }) as Misbehaving & {
    readonly lost: boolean;
  };
}

/** Passes everything on; `cut` breaks the connections while the server lives on. */
export function fragile(server: string): Promise<Misbehaving> {
  return proxy(server, (request) => request);
}

/** Accepts connections (on that port; 0: any) and answers the bytes it gets with what `reply` says; undefined: silence. */
export function scripted(reply: (request: string) => string | undefined, port = 0): Promise<Misbehaving> {
  return listen((client) => {
    client.on("data", (request: Buffer) => {
      const answer = reply(request.toString("latin1"));
      if (answer !== undefined) client.write(answer, "latin1");
    });
  }, port);
}

type Filter = (request: Buffer, client: Socket) => Buffer | undefined;

function proxy(
  server: string,
  filter: Filter,
  told: (answer: Buffer) => Buffer = (answer) => answer,
): Promise<Misbehaving> {
  const [host = "", port = ""] = server.split(":");
  return listen((client) => {
    const upstream = connect({ host, port: Number(port) });
    client.on("data", (bytes: Buffer) => {
      const passed = filter(bytes, client);
      if (passed) upstream.write(passed);
    });
    upstream.on("data", (answer: Buffer) => client.write(told(answer)));
    upstream.on("end", () => client.end());
    client.on("close", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
  });
}

async function listen(serve: (client: Socket) => void, wanted = 0): Promise<Misbehaving> {
  const clients = new Set<Socket>();
  const server: Server = createServer((client) => {
    clients.add(client);
    client.on("error", () => client.destroy());
    client.on("close", () => clients.delete(client));
    serve(client);
  });
  await new Promise<void>((resolve) => server.listen(wanted, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const cut = (which?: number) => {
    for (const [i, client] of [...clients].entries())
      if (which === undefined || i === which) client.destroy();
  };
  return {
    address: `127.0.0.1:${port}`,
    get connections() {
      return clients.size;
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
