// A TCP proxy before a real server: it passes everything on until it is told to cut, or to fall silent.

import { connect, createServer, type Socket } from "node:net";

export interface BadNetwork extends AsyncDisposable {
  /** `http://127.0.0.1:port`, whatever stands behind it. */
  readonly origin: string;
  /** Connections made so far. */
  readonly connections: number;
  /** Bytes that servers have sent through it so far. */
  readonly received: number;
  /** Bytes that clients have sent through it so far. */
  readonly sent: number;
  /** From now on each connection is cut when so many bytes have passed, in both directions together; undefined: never. */
  cutAfter(bytes: number | undefined): void;
  /** Cuts every connection at once; new ones are taken. */
  cut(): void;
  /** Passes nothing on any more, and keeps the connections. */
  freeze(isFrozen: boolean): void;
  readonly isFrozen: boolean;
  /** Freezes by itself when so many more bytes have passed, of all connections in both directions. */
  freezeAfter(bytes: number): void;
  /** New connections go to another server. */
  connectTo(origin: string): void;
}

export async function badNetwork(origin: string): Promise<BadNetwork> {
  const sockets = new Set<Socket>();
  const state = {
    port: portOf(origin),
    limit: undefined as number | undefined,
    freezeAt: Number.POSITIVE_INFINITY,
    frozen: false,
  };
  const counts = { connections: 0, received: 0, sent: 0 };
  const server = createServer((client) => {
    counts.connections++;
    const upstream = connect(state.port, "127.0.0.1");
    // What has been passed on still arrives, as from a server that ends in the middle.
    const cut = () => {
      client.destroySoon();
      upstream.destroy();
    };
    let passed = 0;
    const pass = (from: Socket, to: Socket, way: "received" | "sent") => {
      sockets.add(from);
      from.on("data", (bytes: Buffer) => {
        if (state.frozen) return;
        passed += bytes.length;
        counts[way] += bytes.length;
        if (counts.sent + counts.received > state.freezeAt) {
          state.frozen = true;
          state.freezeAt = Number.POSITIVE_INFINITY;
        }
        if (state.limit !== undefined && passed > state.limit) return cut();
        if (!to.write(bytes)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("end", () => to.end());
      from.on("error", () => {
        // A client's reset arrives at the server as one.
        if (from === client) upstream.resetAndDestroy();
        cut();
      });
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    };
    pass(client, upstream, "sent");
    pass(upstream, client, "received");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    origin: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    get connections() {
      return counts.connections;
    },
    get received() {
      return counts.received;
    },
    get sent() {
      return counts.sent;
    },
    cutAfter: (bytes) => {
      state.limit = bytes;
    },
    cut,
    freeze: (isFrozen) => {
      state.frozen = isFrozen;
      state.freezeAt = Number.POSITIVE_INFINITY;
    },
    freezeAfter: (bytes) => {
      state.freezeAt = counts.sent + counts.received + bytes;
    },
    get isFrozen() {
      return state.frozen;
    },
    connectTo: (other) => {
      state.port = portOf(other);
    },
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function portOf(origin: string): number {
  return Number(new URL(origin).port);
}
