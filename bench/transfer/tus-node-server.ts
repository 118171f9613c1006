// The rival for tus uploads: @tus/server with its file store, on the same Bun. Argument: the folder.

import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const store = new FileStore({ directory: process.argv[2] ?? "" });
const tus = new Server({ path: "/uploads", datastore: store });
const server = createServer(tus.handle.bind(tus));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`port ${typeof address === "object" ? address?.port : ""}`);
});
