// The contract of ports/poster.ts, for every adapter: over a real server, with the guard of our own network.

import { describe, expect, test } from "bun:test";
import type { Poster } from "../../src/ports/poster.ts";
import { isFault } from "../../src/wire/faults.ts";

export interface PosterOptions {
  readonly allows: (address: string) => boolean;
  /** The address of every name. */
  readonly address: string;
}

const signal = new AbortController().signal;

/** A server that keeps what it was sent. */
function listen(answer: () => Response | Promise<Response> = () => new Response("ok", { status: 201 })) {
  const seen: { readonly path: string; readonly header: string | null; readonly body: string }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const header = request.headers.get("webhook-id");
      seen.push({ path: new URL(request.url).pathname, header, body: await request.text() });
      return answer();
    },
  });
  return { seen, port: server.port, [Symbol.asyncDispose]: () => server.stop(true) };
}

export function posterConformance(name: string, open: (options: PosterOptions) => Poster): void {
  describe(`poster: ${name}`, () => {
    test("posts the body with its headers, and tells the status", async () => {
      await using server = listen();
      const poster = open({ allows: () => true, address: "127.0.0.1" });
      const url = `http://127.0.0.1:${server.port}/hook`;
      expect(await poster.post(url, { "webhook-id": "7" }, '{"a":"é"}', signal)).toBe(201);
      expect(server.seen).toEqual([{ path: "/hook", header: "7", body: '{"a":"é"}' }]);
    });

    test("a redirect is not followed", async () => {
      await using server = listen(() => Response.redirect("/elsewhere", 307));
      const poster = open({ allows: () => true, address: "127.0.0.1" });
      expect(await poster.post(`http://127.0.0.1:${server.port}/hook`, {}, "x", signal)).toBe(307);
      expect(server.seen.length).toBe(1);
    });

    test("our own network is refused, by address and by a name that leads there, before anything is sent", async () => {
      await using server = listen();
      const allows = (host: string) => host !== "127.0.0.1" && host !== "::1" && host !== "localhost";
      for (const host of ["127.0.0.1", "[::1]", "localhost", "inside.example"]) {
        const poster = open({ allows, address: "127.0.0.1" });
        const error = await poster
          .post(`http://${host}:${server.port}/`, {}, "x", signal)
          .catch((caught) => caught);
        expect({ host, forbidden: isFault(error, "forbidden") }).toEqual({ host, forbidden: true });
      }
      expect(server.seen).toEqual([]);
      const poster = open({ allows: () => true, address: "127.0.0.1" });
      expect(await poster.post(`http://inside.example:${server.port}/`, {}, "x", signal)).toBe(201);
    });

    test("nobody there, and giving up, are faults", async () => {
      const server = listen();
      const { port } = server;
      await server[Symbol.asyncDispose]();
      const poster = open({ allows: () => true, address: "127.0.0.1" });
      const error = await poster.post(`http://127.0.0.1:${port}/`, {}, "x", signal).catch((caught) => caught);
      expect(isFault(error, "unreachable")).toBe(true);
      const arrived = Promise.withResolvers<void>();
      await using silent = listen(() => {
        arrived.resolve();
        return new Promise<Response>(() => undefined);
      });
      const abort = new AbortController();
      const pending = poster
        .post(`http://127.0.0.1:${silent.port}/`, {}, "x", abort.signal)
        .catch((caught) => caught);
      await arrived.promise;
      abort.abort();
      expect(isFault(await pending, "cancelled")).toBe(true);
    });
  });
}
