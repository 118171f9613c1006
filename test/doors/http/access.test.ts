// Passwords at the HTTP door: who is let in, what the others learn, and that guessing is slow.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { hashPassword } from "../../../src/compute/password-hash.ts";
import { Credentials } from "../../../src/domain/access/credentials.ts";
import type { Route } from "../../../src/doors/http/route.ts";
import { type HttpDoor, openHttpDoor } from "../../../src/doors/http/server.ts";
import { failureOf } from "../../support/failure.ts";
import { quietLog } from "../../support/quiet-log.ts";

let users: Credentials | undefined;
let server: HttpDoor;
const seen: string[] = [];
const warnings: unknown[] = [];

const route = (path: string, more: Partial<Route> = {}): Route => ({
  method: "POST",
  path,
  summary: "A route.",
  handle: (request) => {
    seen.push(request.method);
    return new Response("done");
  },
  ...more,
});

beforeAll(async () => {
  users = await usersOf({ alice: "sesame", jürgen: "grün" });
  server = openHttpDoor({
    hostname: "127.0.0.1",
    port: 0,
    routes: [
      route("/guarded"),
      route("/open", { open: true }),
      route("/uploads", { crossOrigin: true, faultBody: ({ code }) => ({ words: `of its own: ${code}` }) }),
      route("/uploads", { method: "OPTIONS", crossOrigin: true }),
    ],
    idleTimeout: 10,
    credentials: () => users,
    log: { ...quietLog, warn: (event, fields) => void warnings.push({ event, ...fields }) },
  });
});
afterAll(() => server.stop(true));

/** Bytes as they would be in the file: UTF-8, read as a character for each byte. */
async function usersOf(passwords: Readonly<Record<string, string>>): Promise<Credentials> {
  const bytes = (text: string) => Buffer.from(text).toString("latin1");
  const lines = Object.entries(passwords).map(
    async ([user, password]) => `${bytes(user)}:${await hashPassword(bytes(password))}`,
  );
  return Credentials.parse((await Promise.all(lines)).join("\n"), "users");
}

const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString("base64")}` });
const post = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${server.port}${path}`, { method: "POST", headers });

describe("with an auth file", () => {
  test("the right user and password are let in, in UTF-8 too", async () => {
    expect((await post("/guarded", basic("alice:sesame"))).status).toBe(200);
    expect((await post("/guarded", basic("jürgen:grün"))).status).toBe(200);
    const odd = { authorization: `bAsIc   ${Buffer.from("alice:sesame").toString("base64")}` };
    expect((await post("/guarded", odd)).status).toBe(200);
  });

  test("others are told how, and nothing is done for them", async () => {
    const before = seen.length;
    const bad: Record<string, string>[] = [
      {},
      basic("alice:wrong"),
      basic("nobody:sesame"),
      basic("alice"),
      basic(":"),
      basic(`alice:${"x".repeat(4_000)}`),
      { authorization: "Basic %%%" },
      { authorization: "Basic" },
      { authorization: "Bearer sesame" },
    ];
    for (const headers of bad) {
      const answer = await post("/guarded", headers);
      expect([answer.status, answer.headers.get("www-authenticate")]).toEqual([
        401,
        'Basic realm="Cairn", charset="UTF-8"',
      ]);
      expect(await answer.json()).toMatchObject({
        error: { code: "unauthenticated", hint: expect.stringContaining("curl -u") },
      });
    }
    expect(seen.length).toBe(before);
    expect(warnings).toContainEqual({
      event: "http.authentication-failed",
      user: "alice",
      peer: "127.0.0.1",
    });
  });

  test("the refusal is in the protocol's own words", async () => {
    expect(await (await post("/uploads")).json()).toEqual({ words: "of its own: unauthenticated" });
  });

  test("an open route answers anybody", async () => {
    expect((await post("/open")).status).toBe(200);
  });

  test("a browser may ask by OPTIONS; pages of other sites are refused even with the password", async () => {
    const url = `http://127.0.0.1:${server.port}/uploads`;
    const asked = await fetch(url, {
      method: "OPTIONS",
      headers: { origin: "http://app.example", "access-control-request-headers": "authorization" },
    });
    expect([asked.status, asked.headers.get("access-control-allow-headers")]).toEqual([200, "authorization"]);
    const headers = { ...basic("alice:sesame"), "sec-fetch-site": "cross-site" };
    expect((await post("/uploads", headers)).status).toBe(403);
    expect((await post("/uploads", { ...headers, "sec-fetch-site": "same-site" })).status).toBe(200);
  });

  test("a browser that does not say which site asks tells its page's origin", async () => {
    const alice = basic("alice:sesame");
    const host = `127.0.0.1:${server.port}`;
    const statusFor = async (headers: Record<string, string>) =>
      (await post("/uploads", { ...alice, ...headers })).status;
    expect(await statusFor({ origin: "http://evil.example" })).toBe(403);
    expect(await statusFor({ origin: "null" })).toBe(403);
    expect(await statusFor({ origin: "http://127.0.0.1.evil.example" })).toBe(403);
    expect(await statusFor({ origin: `http://${host}` })).toBe(200);
    // Another door of the same server.
    expect(await statusFor({ origin: "http://127.0.0.1:4444" })).toBe(200);
    // What the browser itself says counts, and behind a proxy the host that it was asked for.
    expect(await statusFor({ origin: "http://evil.example", "sec-fetch-site": "same-origin" })).toBe(200);
    expect(await statusFor({ origin: "http://files.example", "x-forwarded-host": "files.example" })).toBe(
      200,
    );
  });

  test("the file as it is now counts", async () => {
    const before = users;
    users = await usersOf({ bob: "new" });
    expect((await post("/guarded", basic("alice:sesame"))).status).toBe(401);
    expect((await post("/guarded", basic("bob:new"))).status).toBe(200);
    users = undefined;
    expect((await post("/guarded")).status).toBe(200);
    users = before;
  });
});

test("guesses wait for each other; too many are told to come again; who is known passes at once", async () => {
  const credentials = await usersOf({ alice: "sesame" });
  expect(await credentials.verify("alice", "sesame")).toBe(true);
  const guesses = Array.from({ length: 80 }, (_, guess) => credentials.verify("alice", `guess ${guess}`));
  expect(await credentials.verify("alice", "sesame")).toBe(true);
  const outcomes = await Promise.allSettled(guesses);
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(80 - 2 - 64);
  expect(outcomes.some((outcome) => outcome.status === "fulfilled" && outcome.value)).toBe(false);
  const more = await failureOf(Promise.all(Array.from({ length: 80 }, () => credentials.verify("x", "y"))));
  expect(more.message).toContain("too many passwords are being checked");
});

test("without passwords, the routes that are not for all pages refuse those of other sites", async () => {
  await using open = openHttpDoor({
    hostname: "127.0.0.1",
    port: 0,
    routes: [route("/guarded"), route("/uploads", { crossOrigin: true })],
    idleTimeout: 10,
    log: quietLog,
  });
  const ask = async (path: string, headers: Record<string, string>) =>
    (await fetch(`http://127.0.0.1:${open.port}${path}`, { method: "POST", headers })).status;
  for (const headers of [
    { "sec-fetch-site": "cross-site" },
    { origin: "http://evil.example" },
    { origin: "null" },
  ]) {
    expect(await ask("/guarded", headers)).toBe(403);
    expect(await ask("/uploads", headers)).toBe(200);
  }
  expect(await ask("/guarded", {})).toBe(200);
});
