// The Host that a request names: local ones and allowed ones are answered, what a stranger's page would name is not.

import { afterAll, describe, expect, test } from "bun:test";
import { hashPassword } from "../../../src/compute/password-hash.ts";
import { Credentials } from "../../../src/domain/access/credentials.ts";
import { hostCheck } from "../../../src/doors/http/hosts.ts";
import type { Route } from "../../../src/doors/http/route.ts";
import { openHttpDoor } from "../../../src/doors/http/server.ts";
import { isFault } from "../../../src/wire/faults.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { rawExchange } from "../../support/storage-service.ts";

const requestOf = (host: string | null) => {
  // A Request of our own may not set Host; what is checked reads only the headers.
  const headers = new Headers();
  if (host !== null) headers.set("host", host);
  return { headers } as unknown as Request;
};
/** What a check says of a Host; twice, for it remembers. */
const codesOf = (check: ReturnType<typeof hostCheck>, host: string | null) =>
  [1, 2].map(() => {
    try {
      check(requestOf(host));
      return "answered";
    } catch (error) {
      return isFault(error) ? error.code : error;
    }
  });

const LOCAL = [
  ...["localhost", "LOCALHOST:8000", "localhost.:8000", "app.localhost", "cairn", "cairn:4444", "my_cairn-1"],
  ...[
    "127.0.0.1",
    "127.0.0.1:8000",
    "0.0.0.0:1",
    "10.1.2.3",
    "[::1]",
    "[::1]:8000",
    "[fe80::1:2]:1",
    "",
    "x:",
  ],
  ...[
    "box.local",
    "cairn.default.svc.cluster.local:8000",
    "host.docker.internal",
    "nas.home.arpa",
    "cairn.test",
  ],
];
const STRANGE = [
  ...[
    "evil.example",
    "evil.example:8000",
    "EVIL.EXAMPLE.",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
  ],
  ...[
    "127.0.0.1.nip.io",
    "evil-local.com",
    "xlocal.com",
    "a.local.com",
    "1.2.3",
    "1.2.3.4.5",
    "_.evil.example",
  ],
];
const NONE = [
  "a b",
  "[::",
  "x:port",
  "%",
  "x?y",
  "http://x",
  "a.example, b.example",
  "a@b",
  "x:1:2",
  "\u00e9.example",
];

describe("without allowed names", () => {
  const check = hostCheck([]);
  test.each([...LOCAL, null])("%j is answered", (host) => {
    expect(codesOf(check, host)).toEqual(["answered", "answered"]);
  });
  test.each(STRANGE)("%j is forbidden", (host) => {
    expect(codesOf(check, host)).toEqual(["forbidden", "forbidden"]);
  });
  test.each(NONE)("%j is invalid", (host) => {
    expect(codesOf(check, host)).toEqual(["invalid", "invalid"]);
  });
});

test("allowed names, all below one, and any", () => {
  const check = hostCheck(["files.example.com", ".corp.example"]);
  const answered = [
    "files.example.com",
    "Files.Example.Com:443",
    "a.corp.example",
    "a.b.corp.example.",
    "localhost",
  ];
  const refused = [
    "example.com",
    "x.files.example.com",
    "corp.example",
    "evilcorp.example",
    "files.example.com.evil",
  ];
  expect(answered.flatMap((host) => codesOf(check, host))).toEqual(
    answered.flatMap(() => Array(2).fill("answered")),
  );
  expect(refused.flatMap((host) => codesOf(check, host))).toEqual(
    refused.flatMap(() => Array(2).fill("forbidden")),
  );
  expect(codesOf(hostCheck(["*"]), "evil.example")).toEqual(["answered", "answered"]);
});

test("however many hosts are named, no more than a few are remembered, and each is judged", () => {
  const check = hostCheck([]);
  for (let i = 0; i < 1_000; i++)
    expect(codesOf(check, `10.0.${i % 4}.1:${i}`)).toEqual(["answered", "answered"]);
  expect(codesOf(check, "evil.example")).toEqual(["forbidden", "forbidden"]);
});

describe("at a door", () => {
  let users: Credentials | undefined;
  const route = (path: string, more: Partial<Route> = {}): Route => ({
    ...{ method: "GET", path, summary: "A route.", handle: () => new Response("done") },
    ...more,
  });
  const door = openHttpDoor({
    ...{ hostname: "127.0.0.1", port: 0, idleTimeout: 10, log: quietLog },
    routes: [
      route("/guarded", { faultBody: ({ message, hint }) => ({ words: "its own", message, hint }) }),
      route("/open", { open: true }),
      route("/uploads", { crossOrigin: true }),
    ],
    credentials: () => users,
    allowedHosts: ["files.example.com"],
  });
  afterAll(() => door.stop(true));
  const ask = (path: string, host: string, more = "") =>
    rawExchange(
      door.port,
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`,
      () => false,
    );

  test("a page whose name was pointed here is refused by every route but those that any page may use, and told what to do", async () => {
    const refused = await ask("/guarded", `evil.example:${door.port}`);
    expect(refused).toStartWith("HTTP/1.1 403");
    expect(refused).toContain('"words":"its own"');
    expect(refused).toContain("--allowed-hosts evil.example");
    // What a page can add to its own requests does not help it.
    const forwarded = await ask(
      "/guarded",
      "evil.example",
      "X-Forwarded-Host: localhost\r\nOrigin: http://localhost\r\n",
    );
    expect(forwarded).toStartWith("HTTP/1.1 403");
    expect(await ask("/open", "evil.example")).toStartWith("HTTP/1.1 200");
    expect(await ask("/uploads", "evil.example")).toStartWith("HTTP/1.1 200");
    for (const host of ["localhost", "127.0.0.1:8000", "files.example.com"]) {
      expect(await ask("/guarded", host)).toStartWith("HTTP/1.1 200");
    }
  });

  test("with passwords every name is answered: a browser has none for a stranger's", async () => {
    users = Credentials.parse(`alice:${await hashPassword("sesame")}`, "users");
    const alice = `Authorization: Basic ${Buffer.from("alice:sesame").toString("base64")}\r\n`;
    expect(await ask("/guarded", "evil.example", alice)).toStartWith("HTTP/1.1 200");
    expect(await ask("/guarded", "evil.example")).toStartWith("HTTP/1.1 401");
    users = undefined;
    expect(await ask("/guarded", "evil.example")).toStartWith("HTTP/1.1 403");
  });
});
