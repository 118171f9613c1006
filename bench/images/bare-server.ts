// The limit for the image protocol: a server that parses the same JSON, keeps nothing, and sends as many bytes back.

const TEXT = "x".repeat(734);
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  routes: {
    "/image": {
      POST: async (request) => {
        const { sha256 } = (await request.json()) as { sha256: string };
        return new Response(null, { status: sha256 ? 201 : 400 });
      },
    },
    "/image/:sha256/chunks": {
      POST: async (request) => {
        const { data } = (await request.json()) as { data: string };
        return new Response(null, { status: data ? 201 : 400 });
      },
    },
    "/image/:sha256": { GET: () => new Response(TEXT) },
  },
});
console.log(`port ${server.port}`);
