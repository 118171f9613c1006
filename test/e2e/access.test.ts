// Who may reach a server, and what expires, with the real program: as an operator sets it up.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { launchBrowser, openPage } from "../support/browser.ts";
import { Cairn } from "../support/cairn.ts";
import { downloadResult, openDashboard, uploadCsv, waitForResult } from "../support/dashboard-page.ts";
import { failureOf } from "../support/failure.ts";
import { exchange } from "../support/memcached-wire.ts";
import { CAIRN, Program, run } from "../support/processes.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const portOf = (address: string) => Number(address.split(":").at(-1));

/** The line that `cairn password USER` prints for a password from a pipe. */
async function passwordLine(user: string, password: string): Promise<string> {
  const program = await Program.start([
    "sh",
    "-c",
    `printf '%s\\n' '${password}' | "${CAIRN}" password ${user}`,
  ]);
  expect((await program.exited).code).toBe(0);
  return program.output.trim();
}

test("beyond loopback nothing opens without a password, unless it is meant so", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  const refused = await failureOf(Cairn.start({ database, flags: ["--host", "0.0.0.0"] }));
  expect(refused.message).toMatch(
    /would open memcached, the dashboard, images, merges to the network without a password[\s\S]*--insecure/,
  );
  await using server = await Cairn.start({ database, flags: ["--host", "0.0.0.0", "--insecure"] });
  expect(server.program.output).toContain("WARNING: open to the network on 0.0.0.0 without a password");
});

test("the container's way: the environment says that it is meant so", async () => {
  await using folder = await temporaryFolder();
  const ports = ["memcached", "http", "image", "merge"].flatMap((door) => [`--${door}-port`, "0"]);
  const program = await Program.start([
    ...["env", "CAIRN_HOST=0.0.0.0", "CAIRN_INSECURE=true"],
    ...[CAIRN, "serve", folder.at("cairn.sqlite"), ...ports],
  ]);
  await program.untilLine(/is ready/);
  expect(await program.end("SIGTERM")).toEqual({ code: 0, signal: null });
});

test("TLS: the certificate is read at the start and by SIGHUP; one without its key is refused", async () => {
  await using folder = await temporaryFolder();
  const [cert, key] = [folder.at("server.crt"), folder.at("server.key")];
  const renew = async (name: string) => {
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const made = await Program.start([
      ...["openssl", "req", "-x509", ...curve, "-days", "2", "-subj", `/CN=${name}`],
      ...["-keyout", key, "-out", cert],
    ]);
    expect((await made.exited).code).toBe(0);
  };
  await renew("first");
  const database = folder.at("cairn.sqlite");
  await expect(Cairn.start({ database, flags: ["--tls-cert", cert] })).rejects.toThrow(
    "--tls-cert and --tls-key belong together",
  );
  await using server = await Cairn.start({ database, flags: ["--tls-cert", cert, "--tls-key", key] });
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      const options = { host: "127.0.0.1", port: portOf(server.memcached), rejectUnauthorized: false };
      const socket = connectTls(options, () => socket.write("mn\r\n"));
      socket.on("error", reject);
      socket.on("data", (answer) => {
        resolve(`${socket.getPeerCertificate().subject.CN}: ${answer.toString("latin1")}`);
        socket.destroy();
      });
    });
  expect(await ask()).toBe("first: MN\r\n");
  await renew("second");
  process.kill(server.pid, "SIGHUP");
  await until("the new certificate is shown", async () => (await ask()) === "second: MN\r\n");
}, 20_000);

test("passwords: made by cairn password, asked for by the door, renewed by SIGHUP", async () => {
  await using folder = await temporaryFolder();
  const users = folder.at("users");
  writeFileSync(users, `${await passwordLine("alice", "sesame")}\n`);
  await using server = await Cairn.start({
    database: folder.at("cairn.sqlite"),
    flags: ["--auth-file", users],
  });
  const port = portOf(server.memcached);
  const login = "set auth 0 0 12\r\nalice sesame\r\n";
  const served = `${login}set k 0 0 1\r\nx\r\nmn\r\n`;
  expect((await exchange(port, `get k\r\n${served}`, "MN\r\n")).text).toBe(
    "CLIENT_ERROR unauthenticated\r\nSTORED\r\nSTORED\r\nMN\r\n",
  );

  writeFileSync(users, `${await passwordLine("bob", "other")}\n`);
  process.kill(server.pid, "SIGHUP");
  await until("alice is gone", async () => {
    const { text } = await exchange(port, login, "\r\n");
    return text === "CLIENT_ERROR authentication failure\r\n";
  });
  expect((await exchange(port, "set auth 0 0 9\r\nbob other\r\nget k\r\n", "END\r\n")).text).toBe(
    "STORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n",
  );

  writeFileSync(users, "bob:plain\n");
  process.kill(server.pid, "SIGHUP");
  await until("the bad file is told", () => server.program.output.includes("access.not-renewed"));
  expect((await exchange(port, "set auth 0 0 9\r\nbob other\r\n", "\r\n")).text).toBe("STORED\r\n");
});

test("the HTTP doors ask for the same passwords: commands bring them, a browser asks its reader", async () => {
  await using folder = await temporaryFolder();
  const users = folder.at("users");
  writeFileSync(users, `${await passwordLine("alice", "sesame")}\n`);
  writeFileSync(folder.at("plays.csv"), "Song,Date,Number of Plays\nHey,2024-05-01,2\n");
  await using server = await Cairn.start({
    database: folder.at("cairn.sqlite"),
    flags: ["--auth-file", users, "--host", "0.0.0.0"],
  });
  expect(server.program.output).not.toContain("WARNING");
  const { port } = new URL(server.http);
  const [open, known] = [`http://127.0.0.1:${port}`, `http://alice:sesame@127.0.0.1:${port}`];
  expect((await fetch(`${open}/healthz`)).status).toBe(200);
  for (const path of ["/", "/api/status", "/metrics", "/api/openapi.json", "/uploads"]) {
    expect([
      path,
      (await fetch(open + path, { method: path === "/uploads" ? "POST" : "GET" })).status,
    ]).toEqual([path, 401]);
  }
  const cli = (...args: string[]) => run([CAIRN, ...args], { cwd: folder.path });
  const refused = await cli("upload", "plays.csv", "--server", open);
  expect([refused.code, refused.output]).toEqual([11, expect.stringContaining("curl -u")]);
  expect((await cli("upload", "plays.csv", "--server", known)).code).toBe(0);
  expect((await cli("aggregate", "plays.csv", "--server", known)).stdout).toContain("Hey,2024-05-01,2");
  const imagePort = new URL(server.image).port;
  expect((await cli("ascii", "-host", "alice:sesame@127.0.0.1", "-port", imagePort)).stdout).toContain(
    "SUCCESS!",
  );

  await using browser = await launchBrowser();
  const httpCredentials = { username: "alice", password: "sesame" };
  const { page, complaints } = await openPage(browser, { httpCredentials });
  await openDashboard(page, open);
  const upload = await uploadCsv(page, folder.at("plays.csv"));
  await waitForResult(upload);
  expect((await downloadResult(page, upload)).bytes.toString()).toContain("Hey,2024-05-01,2");
  expect(complaints).toEqual([]);
}, 60_000);

test("--expire holds across a restart; without it nothing expires; a Unix socket serves beside the port", async () => {
  await using folder = await temporaryFolder();
  const database = folder.at("cairn.sqlite");
  const socket = folder.at("memcached.sock");
  const flags = ["--expire", "--memcached-socket", socket];
  {
    await using server = await Cairn.start({ database, flags });
    const port = portOf(server.memcached);
    await exchange(port, "set long 0 1000 1\r\nx\r\nset short 0 1 1\r\ny\r\nmn\r\n", "MN\r\n");
    await until(
      "a second has passed",
      async () => (await exchange(port, "get short\r\n", "END\r\n")).text === "END\r\n",
    );
  }
  await using again = await Cairn.start({ database, flags });
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    const client = connect({ path: socket }, () => client.write("mg short v\r\nmg long t\r\nmn\r\n"));
    client.on("data", (piece) => {
      text += piece.toString("latin1");
      if (!text.endsWith("MN\r\n")) return;
      client.destroy();
      resolve(text);
    });
  });
  expect(answer).toMatch(/^EN\r\nHD t(9\d\d|1000)\r\nMN\r\n$/);
  expect(portOf(again.memcached)).toBeGreaterThan(0);
}, 20_000);
