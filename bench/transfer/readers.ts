// Many readers of ranges of one file at once, over raw connections. Arguments: URL, its size, readers, bytes of each. Prints seconds.

const [url = "", size = "0", readers = "1000", bytes = "1048576"] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
const length = Number(bytes);
const start = performance.now();
await Promise.all(Array.from({ length: Number(readers) }, (_, i) => read(i)));
console.log((performance.now() - start) / 1000);

function read(reader: number): Promise<void> {
  const from = (reader * 991_111) % (Number(size) - length);
  const request = `GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=${from}-${from + length - 1}\r\n\r\n`;
  return new Promise((resolve, reject) => {
    let received = 0;
    const end = () =>
      received > length ? resolve() : reject(new Error(`reader ${reader} got ${received} bytes`));
    Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        open: (socket) => {
          socket.write(request);
        },
        data: (socket, data) => {
          received += data.length;
          if (received > length) socket.end();
        },
        close: end,
        error: (_socket, error) => reject(error),
      },
    }).catch(reject);
  });
}
