// The limit of every upload here: a server on the same Bun that reads bodies and throws them away.

const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  development: false,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  fetch: async (request) => {
    for await (const _ of request.body ?? []);
    return new Response(null, { status: 204 });
  },
});
console.log(`port ${server.port}`);
