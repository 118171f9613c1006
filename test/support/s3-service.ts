// A real S3 service for tests: Ceph's gateway over one monitor and one store in memory, on loopback and free ports.

import { mkdir } from "node:fs/promises";
import { signedUrl } from "../../src/adapters/s3/signature.ts";
import { freePort, listens } from "./ports.ts";
import { Program, run } from "./processes.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary.ts";
import { until } from "./until.ts";

const ATTEMPTS = 3;
const ACCESS_KEY = "testaccess";
const SECRET_KEY = "testsecret";

/** A running service with one user. `await using` ends it; nothing is kept. */
export class S3Service implements AsyncDisposable {
  readonly endpoint: string;
  readonly accessKeyId = ACCESS_KEY;
  readonly secretAccessKey = SECRET_KEY;
  readonly port: number;
  readonly #opened: AsyncDisposableStack;

  static async start(): Promise<S3Service> {
    for (let attempt = 1; ; attempt++) {
      await using opened = new AsyncDisposableStack();
      const folder = opened.use(await temporaryFolder());
      const [port, monitor] = [await freePort(), await freePort()];
      try {
        await startAll(folder, port, monitor, opened);
        return new S3Service(port, opened.move());
      } catch (error) {
        // Somebody else may have taken a port meanwhile.
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  private constructor(port: number, opened: AsyncDisposableStack) {
    this.port = port;
    this.endpoint = `http://127.0.0.1:${port}`;
    this.#opened = opened;
  }

  /** Creates the bucket: the one thing that Bun's own client cannot do. */
  async createBucket(name: string): Promise<void> {
    await this.#ask("PUT", name, {});
  }

  /** Multipart uploads that were begun and neither completed nor aborted. */
  async unfinishedUploads(bucket: string): Promise<number> {
    const answer = await this.#ask("GET", bucket, { uploads: "" });
    return answer.split("<UploadId>").length - 1;
  }

  async #ask(method: "GET" | "PUT", bucket: string, query: Record<string, string>): Promise<string> {
    const keys = { region: "us-east-1", accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY };
    const response = await fetch(signedUrl(method, `${this.endpoint}/${bucket}`, query, keys), { method });
    const answer = await response.text();
    if (!response.ok) throw new Error(`the bucket ${bucket}: ${response.status} ${answer}`);
    return answer;
  }

  client(bucket: string): Bun.S3Client {
    return new Bun.S3Client({
      ...{ endpoint: this.endpoint, bucket, region: "us-east-1" },
      ...{ accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}

async function startAll(
  folder: TemporaryFolder,
  port: number,
  monitor: number,
  opened: AsyncDisposableStack,
): Promise<void> {
  for (const name of ["mon", "osd", "rgw", "log", "run"]) await mkdir(folder.at(name));
  const config = folder.at("ceph.conf");
  await Bun.write(config, configuration(folder, port, monitor));
  const env = { CEPH_CONF: config, CEPH_ARGS: "" };
  const must = async (...command: string[]) => {
    const { code, output } = await run(command, { env });
    if (code !== 0) throw new Error(`${command.join(" ")} failed: ${output}`);
  };
  const start = async (...command: string[]) => {
    const program = await Program.start(command, { env });
    // What it holds is thrown away with its folder.
    opened.defer(async () => {
      await program.end("SIGKILL");
    });
    return program;
  };
  const [map, osdMap] = [folder.at("monmap"), folder.at("osdmap")];
  const address = `[v2:127.0.0.1:${monitor}/0]`;
  await must("monmaptool", "--create", "--clobber", "--fsid", CLUSTER, "--addv", "a", address, map);
  await must("osdmaptool", "--createsimple", "1", "--clobber", osdMap);
  await must("ceph-mon", "--mkfs", "-i", "a", "--monmap", map, "--osdmap", osdMap);
  await start("ceph-mon", "-f", "-i", "a");
  // The store asks the monitor for its settings.
  await must("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", STORE);
  await start("ceph-osd", "-f", "-i", "0");
  const gateway = await start("radosgw", "-f", "-n", "client.rgw.a");
  let ended = false;
  void gateway.exited.then(() => {
    ended = true;
  });
  await until(`radosgw answers on ${port}`, async () => ended || (await listens(port)));
  if (ended) throw new Error(`radosgw ended: ${gateway.output}`);
  const keys = [`--access-key=${ACCESS_KEY}`, `--secret-key=${SECRET_KEY}`];
  await must("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", ...keys);
}

const CLUSTER = "5f1c1d0e-7a3b-4c55-9d0c-1f6f2a7c9b01";
const STORE = "8d1b6c52-2a64-4b1f-8b58-6f0f6d0b7c02";

function configuration(folder: TemporaryFolder, port: number, monitor: number): string {
  return `[global]
fsid = ${CLUSTER}
mon host = v2:127.0.0.1:${monitor}/0
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
auth allow insecure global id reclaim = false
run dir = ${folder.at("run")}
admin socket = ${folder.at("run")}/$name.$pid.asok
log file = ${folder.at("log")}/$name.log
crash dir = ${folder.at("log")}
mon cluster log file = ${folder.at("log")}/cluster.log
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 500
mon data avail crit = 0
mon data avail warn = 0
mon osd auto mark in = true
paxos propose interval = 0.02
paxos min wait = 0.01
osd class update on start = false
osd heartbeat grace = 600
[mon.a]
mon data = ${folder.at("mon")}
[osd.0]
osd data = ${folder.at("osd")}
osd objectstore = memstore
memstore device bytes = 1073741824
memstore page set = false
[client]
objecter tick interval = 0.2
[client.rgw.a]
rgw data = ${folder.at("rgw")}
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw enable apis = s3, admin
rgw thread pool size = 32
rgw relaxed region enforcement = true
`;
}
