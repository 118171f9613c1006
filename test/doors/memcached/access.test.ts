// Who may connect: limits on connections, idle ones, the Unix socket, passwords and TLS.

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { hashPassword, verifyPassword } from "../../../src/compute/password-hash.ts";
import { Credentials } from "../../../src/domain/access/credentials.ts";
import { refuseServedSocket } from "../../../src/doors/memcached/listener.ts";
import { failureOf } from "../../support/failure.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { exchange, serveKv } from "../../support/memcached-wire.ts";
import { Program } from "../../support/processes.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { until } from "../../support/until.ts";

/** Collects what a socket receives. */
function listenTo(socket: Socket): { text: string; closed: boolean } {
  const heard = { text: "", closed: false };
  socket.setEncoding("latin1");
  socket.on("data", (piece: string) => {
    heard.text += piece;
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    heard.closed = true;
  });
  return heard;
}

describe("connections", () => {
  test("one too many is told so and closed; as soon as one goes, the next is served", async () => {
    await using server = serveKv({ maxConnections: 2 });
    const sockets = [0, 1].map(() => connect({ host: "127.0.0.1", port: server.port }));
    for (const socket of sockets) {
      const heard = listenTo(socket);
      socket.write("mn\r\n");
      await until("it is served", () => heard.text === "MN\r\n");
    }
    expect(await exchange(server.port, "")).toEqual({
      text: "ERROR Too many open connections\r\n",
      closed: true,
    });
    expect(server.door.figures.rejectedConnections).toBe(1);
    sockets[0]?.destroy();
    await until("the place is free", () => server.door.figures.currConnections === 1);
    expect((await exchange(server.port, "mn\r\n", "MN\r\n")).text).toBe("MN\r\n");
    sockets[1]?.destroy();
  });

  test("idle ones are closed, those that speak are not", async () => {
    const clock = new ManualClock();
    await using server = serveKv({ clock, idleTimeout: 60_000 });
    const [idle, busy] = [0, 1].map(() => connect({ host: "127.0.0.1", port: server.port })) as [
      Socket,
      Socket,
    ];
    const [idleHeard, busyHeard] = [listenTo(idle), listenTo(busy)];
    idle.write("mn\r\n");
    busy.write("mn\r\n");
    await until("both are served", () => idleHeard.text + busyHeard.text === "MN\r\nMN\r\n");
    await clock.advance(50_000);
    busy.write("mn\r\n");
    await until("the busy one is served", () => busyHeard.text === "MN\r\nMN\r\n");
    await clock.advance(20_000);
    await until("the idle one is closed", () => idleHeard.closed);
    expect(busyHeard.closed).toBe(false);
    expect(server.door.figures.idleKicks).toBe(1);
    busy.destroy();
  });

  test("stats conns tells each of them", async () => {
    await using server = serveKv();
    const { text } = await exchange(server.port, "stats conns\r\nmn\r\n", "MN\r\n");
    expect(text).toMatch(
      /^STAT 1:addr tcp:127\.0\.0\.1:\d+\r\nSTAT 1:listen_addr tcp:127\.0\.0\.1:\d+\r\nSTAT 1:state conn_\w+\r\nSTAT 1:secs_since_last_cmd 0\r\nEND\r\nMN\r\n$/,
    );
  });

  test("a Unix socket, for this user only, beside the port or alone; a left-over one is taken over", async () => {
    await using folder = await temporaryFolder();
    const socketPath = folder.at("memcached.sock");
    const server = serveKv({ socketPath });
    expect((await stat(socketPath)).mode & 0o777).toBe(0o700);
    const ask = async () => {
      const socket = connect({ path: socketPath });
      const heard = listenTo(socket);
      socket.write("set a 0 0 1\r\nx\r\nstats conns\r\nmn\r\n");
      await until("it is served", () => heard.text.endsWith("MN\r\n"));
      socket.destroy();
      return heard.text;
    };
    expect(await ask()).toContain(`:addr unix\r\nSTAT 1:listen_addr unix:${socketPath}\r\n`);
    await server[Symbol.asyncDispose]();
    expect(await stat(socketPath).catch(() => "gone")).toBe("gone");

    const left = await Program.start([
      process.execPath,
      "-e",
      `Bun.listen({ unix: ${JSON.stringify(socketPath)}, socket: { data() {} } }); console.log("listens")`,
    ]);
    await left.untilLine(/listens/);
    await left.end("SIGKILL");
    await using again = serveKv({ socketPath, port: undefined });
    expect(again.port).toBe(0);
    expect(await ask()).toStartWith("STORED\r\n");
  });

  test("a Unix socket at which another server answers is refused, and stays as it is", async () => {
    await using folder = await temporaryFolder();
    const socketPath = folder.at("memcached.sock");
    await refuseServedSocket(socketPath);
    await using _server = serveKv({ socketPath });
    for (let i = 0; i < 2; i++) {
      expect((await failureOf(refuseServedSocket(socketPath))).message).toContain("is served already");
    }
  });

  test("a path that is not a socket is left alone", async () => {
    await using folder = await temporaryFolder();
    const socketPath = folder.at("precious");
    writeFileSync(socketPath, "data");
    expect(() => serveKv({ socketPath })).toThrow("is there, and not a socket");
    expect((await stat(socketPath)).size).toBe(4);
  });
});

describe("passwords", () => {
  const file = async () => `# ours\n\nalice:${await hashPassword("open sesame?".replace(" ", "-"))}\n`;
  const protect = async () => serveKv({ credentials: Credentials.parse(await file(), "users") });
  const token = "alice open-sesame?";

  test("before it has authenticated a client learns nothing, and changes nothing", async () => {
    await using server = await protect();
    const requests = [
      "get a",
      "version",
      "stats",
      "mn",
      "add a 0 0 1",
      "x",
      "",
      "flush_all",
      "set a",
      "set a 0 0 x",
    ];
    const { text } = await exchange(
      server.port,
      `${requests.join("\r\n")}\r\nset k 0 0 5\r\nwrong\r\n`,
      "format\r\n",
    );
    expect(text).toBe(
      "CLIENT_ERROR unauthenticated\r\n".repeat(requests.length) +
        "CLIENT_ERROR bad authentication token format\r\n",
    );
    expect(await server.kv.read("a")).toBeUndefined();
  });

  test("a set with user and password lets in, whatever follows in the same packet, and however it is cut", async () => {
    await using server = await protect();
    const login = `set auth 0 0 ${token.length}\r\n${token}\r\n`;
    const pipeline = `get a\r\n${login}set a 0 0 1\r\nx\r\nget a\r\nmn\r\n`;
    const expected = "CLIENT_ERROR unauthenticated\r\nSTORED\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nMN\r\n";
    expect((await exchange(server.port, pipeline, "MN\r\n")).text).toBe(expected);
    expect((await exchange(server.port, [...pipeline], "MN\r\n")).text).toBe(expected);
  });

  test("a wrong password, an unknown user, a bad ending; then the right one", async () => {
    await using server = await protect();
    const attempt = (text: string, end = "\r\n") => `set a 0 0 ${text.length}\r\n${text}${end}`;
    const { text } = await exchange(
      server.port,
      `${attempt("alice wrong")}${attempt("bob open-sesame?")}${attempt(token, "xx")}${attempt(token)}mn\r\n`,
      "MN\r\n",
    );
    expect(text).toBe(
      "CLIENT_ERROR authentication failure\r\nCLIENT_ERROR authentication failure\r\n" +
        "CLIENT_ERROR bad command line termination\r\nSTORED\r\nMN\r\n",
    );
    expect(server.door.figures.authCommands).toBe(3);
    expect(server.door.figures.authErrors).toBe(2);
  });

  test("endless lines and huge blocks of unknown clients close the connection", async () => {
    await using server = await protect();
    expect(await exchange(server.port, "x".repeat(5_000))).toEqual({ text: "", closed: true });
    expect(await exchange(server.port, "set a 0 0 1000000000\r\nxx")).toEqual({
      text: "CLIENT_ERROR authentication failure\r\n",
      closed: true,
    });
  });

  test("new credentials hold for new connections", async () => {
    await using server = await protect();
    const credentials = Credentials.parse(`bob:${await hashPassword("new")}`, "users");
    server.door.renew({ credentials, tls: undefined });
    const { text } = await exchange(
      server.port,
      `set a 0 0 ${token.length}\r\n${token}\r\nset a 0 0 7\r\nbob new\r\nmn\r\n`,
      "MN\r\n",
    );
    expect(text).toBe("CLIENT_ERROR authentication failure\r\nSTORED\r\nMN\r\n");
  });

  test("hashes differ each time and hold; a file without users, or with a plain password, is refused", async () => {
    const [one, two] = [await hashPassword("p"), await hashPassword("p")];
    expect(one).not.toBe(two);
    expect(await verifyPassword("p", one)).toBe(true);
    expect(await verifyPassword("q", one)).toBe(false);
    expect(() => Credentials.parse("alice:secret", "users")).toThrow("line 1 of users is not user:hash");
    expect(() => Credentials.parse("# none\n", "users")).toThrow("names no user");
  });
});

describe("TLS", () => {
  const certificate = async (folder: { at(name: string): string }, name: string) => {
    const [key, cert] = [folder.at(`${name}.key`), folder.at(`${name}.crt`)];
    const made = await Program.start([
      "openssl",
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", `/CN=${name}`, "-keyout", key, "-out", cert],
    ]);
    expect((await made.exited).code).toBe(0);
    return { cert: await Bun.file(cert).text(), key: await Bun.file(key).text() };
  };
  const open = (port: number): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false }, () =>
        resolve(socket),
      );
      socket.on("error", reject);
    });

  test("serves, and meets new connections with a new certificate while the old ones go on", async () => {
    await using folder = await temporaryFolder();
    const [first, second] = [await certificate(folder, "first"), await certificate(folder, "second")];
    await using server = serveKv({ tls: first });
    const old = await open(server.port);
    const heard = listenTo(old);
    expect(old.getPeerCertificate().subject.CN).toBe("first");
    old.write(`set a 0 0 300000\r\n${"x".repeat(300_000)}\r\nget a\r\n`);
    await until("the value came back", () => heard.text.endsWith("END\r\n"));
    expect(heard.text.length).toBe("STORED\r\nVALUE a 0 300000\r\n\r\nEND\r\n".length + 300_000);

    server.door.renew({ credentials: undefined, tls: second });
    const fresh = await open(server.port);
    const freshHeard = listenTo(fresh);
    expect(fresh.getPeerCertificate().subject.CN).toBe("second");
    fresh.write("mn\r\n");
    old.write("mn\r\n");
    await until("both are served", () => heard.text.endsWith("MN\r\n") && freshHeard.text === "MN\r\n");

    expect(() => server.door.renew({ credentials: undefined, tls: { cert: "no", key: "no" } })).toThrow();
    const third = await open(server.port);
    expect(third.getPeerCertificate().subject.CN).toBe("second");
    for (const socket of [old, fresh, third]) socket.destroy();
  }, 20_000);
});
