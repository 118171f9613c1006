// The Dropzone protocol over a real HTTP door, as both kinds of client speak it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Fault } from "../../../../src/wire/faults.ts";
import { sha256 } from "../../../support/bytes.ts";
import {
  openStorageService,
  rawExchange,
  type StorageService,
  temporaryStorageService,
} from "../../../support/storage-service.ts";
import { temporaryFolder } from "../../../support/temporary.ts";
import { until } from "../../../support/until.ts";

let service: StorageService;
beforeAll(async () => {
  service = await temporaryStorageService();
});
afterAll(() => service[Symbol.asyncDispose]());

type Fields = Record<string, string | number>;
interface Answer {
  readonly message?: string;
  readonly job_id?: string;
  readonly status?: string;
  readonly error?: string;
}

/** A form whose parts come in the order of `order`: F for the file, D for the fields. */
function form(fields: Fields, bytes: Uint8Array | string, filename = "plays.csv", order = "DF"): FormData {
  const data = new FormData();
  for (const part of order) {
    if (part === "F") data.append("file", new File([bytes as BlobPart], filename));
    else for (const [name, value] of Object.entries(fields)) data.append(name, String(value));
  }
  return data;
}

async function post(body: FormData, to = service): Promise<{ status: number; answer: Answer }> {
  const response = await fetch(`${to.origin}/api/upload_file`, { method: "POST", body });
  return { status: response.status, answer: (await response.json()) as Answer };
}

const chunkOf = (dzuuid: string, csv: Uint8Array, chunkSize: number, index: number, order?: string) => {
  const offset = index * chunkSize;
  const fields = { dzuuid, dzchunkindex: index, dztotalfilesize: csv.length, dzchunksize: chunkSize };
  const rest = { dztotalchunkcount: Math.ceil(csv.length / chunkSize), dzchunkbyteoffset: offset };
  return form({ ...fields, ...rest }, csv.slice(offset, offset + chunkSize), "plays.csv", order);
};
const uploaded = { status: 200, answer: { message: "Chunk file uploaded successfully" } };
const finished = {
  status: 200,
  answer: { message: "File uploaded successfully", job_id: expect.any(String) },
};
const bytesOf = async (name: string, to = service) => {
  const upload = await to.uploads.get(`dropzone:${name}`);
  const file = await to.files.require(upload?.fileId ?? "");
  expect(file.name).toBe("plays.csv");
  expect(file.sha256).toBe(
    sha256(Buffer.from(await (await fetch(`${to.origin}/files/${file.id}`)).arrayBuffer())),
  );
  return file.sha256;
};
const random = (size: number) => crypto.getRandomValues(new Uint8Array(size));
const refused = (status: number) => ({
  status,
  answer: { status: "error", message: expect.any(String), error: expect.any(String) },
});

test.each(["DF", "FD"])("takes chunks one after the other, parts in the order %s", async (order) => {
  const [id, csv] = [crypto.randomUUID(), random(250_001)];
  expect(await post(chunkOf(id, csv, 100_000, 0, order))).toEqual(uploaded);
  expect(await post(chunkOf(id, csv, 100_000, 1, order))).toEqual(uploaded);
  const last = await post(chunkOf(id, csv, 100_000, 2, order));
  expect(last).toEqual(finished);
  expect(await bytesOf(id)).toBe(sha256(csv));
  for (const index of [0, 2]) expect(await post(chunkOf(id, csv, 100_000, index, order))).toEqual(last);
  expect((await service.uploads.get(`dropzone:${id}`))?.meta.jobId).toBe(last.answer.job_id);
});

test("takes all chunks at once, each twice: one job", async () => {
  const [id, csv] = [crypto.randomUUID(), random(1_000_000)];
  const before = service.jobs.size;
  const indexes = [9, 3, 0, 1, 8, 7, 2, 6, 5, 4];
  const answers = await Promise.all([...indexes, ...indexes].map((i) => post(chunkOf(id, csv, 100_000, i))));
  for (const { status } of answers) expect(status).toBe(200);
  const jobs = new Set(answers.map(({ answer }) => answer.job_id).filter((job) => job !== undefined));
  expect(jobs.size).toBe(1);
  expect(service.jobs.size).toBe(before + 1);
  expect(await bytesOf(id)).toBe(sha256(csv));
});

test("takes a file of exactly one and of exactly three chunks", async () => {
  for (const size of [100_000, 300_000]) {
    const [id, csv] = [crypto.randomUUID(), random(size)];
    const count = size / 100_000;
    for (let i = 0; i < count - 1; i++) expect(await post(chunkOf(id, csv, 100_000, i))).toEqual(uploaded);
    expect(await post(chunkOf(id, csv, 100_000, count - 1))).toEqual(finished);
    expect(await bytesOf(id)).toBe(sha256(csv));
  }
});

test("takes a small file with no dz field at all", async () => {
  for (const csv of ["", "Song,Date,Number of Plays\na,2020-01-01,1\n"]) {
    const { status, answer } = await post(form({}, csv, "Übung 1.CSV"));
    expect({ status, answer }).toEqual(finished);
    const upload = (await service.uploads.page({ limit: 1 })).records[0];
    const file = await service.files.require(upload?.fileId ?? "");
    expect(file).toMatchObject({ name: "Übung 1.CSV", size: csv.length, sha256: sha256(csv) });
  }
});

test("takes the client whose offsets are computed after reading", async () => {
  const chunkSize = 1000;
  for (const size of [300, 1000, 2300, 3000]) {
    const [id, csv] = [crypto.randomUUID(), random(size)];
    for (let position = 0; position < size; ) {
      const bytes = csv.slice(position, position + chunkSize);
      position += bytes.length;
      const fields = { dzuuid: id, dzfilename: "plays.csv", dztotalfilesize: size, dzchunksize: chunkSize };
      const lying = { ...fields, dzchunkbyteoffset: position - chunkSize };
      const answer = await post(form(lying, bytes, "file"));
      expect(answer).toEqual(position < size ? uploaded : finished);
    }
    expect(await bytesOf(id)).toBe(sha256(csv));
  }
});

test("refuses a chunk that contradicts what was uploaded, before and after completion", async () => {
  const [id, csv] = [crypto.randomUUID(), random(200_000)];
  const other = Uint8Array.from(csv, (byte, i) => (i === 150 ? byte ^ 1 : byte));
  await post(chunkOf(id, csv, 100_000, 0));
  expect(await post(chunkOf(id, other, 100_000, 0))).toEqual(refused(409));
  expect(await post(chunkOf(id, csv, 100_000, 1))).toEqual(finished);
  expect(await post(chunkOf(id, other, 100_000, 0))).toEqual(refused(409));
  expect(await post(chunkOf(id, random(300_000), 100_000, 0))).toEqual(refused(409));
  expect(await bytesOf(id)).toBe(sha256(csv));
});

test("refuses what is malformed, and stores nothing", async () => {
  const id = crypto.randomUUID();
  const good = { dzuuid: id, dzchunkbyteoffset: 0, dzchunksize: 10, dztotalfilesize: 20 };
  const cases: [Fields, string, string?][] = [
    ...([
      [{}, "x", "plays.txt"],
      [{}, "x", "csv"],
      [{ dzfilename: "a.exe" }, "x"],
      [{}, "x", "file"],
    ] as const),
    ...([[{ ...good, dzchunkbyteoffset: "abc" }, "0123456789"]] as [Fields, string][]),
    [{ ...good, dzchunkbyteoffset: "" }, "0123456789"],
    [{ ...good, dzchunkbyteoffset: 30 }, "0123456789"],
    [{ ...good, dzchunkbyteoffset: -3 }, "0123456789"],
    [{ ...good, dztotalfilesize: -1 }, "0123456789"],
    [{ ...good, dztotalfilesize: "9007199254740993" }, "0123456789"],
    [{ ...good, dzchunksize: 0 }, "0123456789"],
    [good, "012345678"],
    [good, "0123456789x"],
    [{ ...good, dzuuid: "" }, "0123456789"],
    [{ ...good, dzuuid: "x".repeat(129) }, "0123456789"],
    [{ dzuuid: id }, "0123456789"],
    [{ ...good, dzfilename: "n".repeat(5000) }, "0123456789"],
  ] as [Fields, string, string?][];
  for (const [fields, bytes, filename] of cases) {
    for (const order of ["DF", "FD"]) {
      expect({ fields, ...(await post(form(fields, bytes, filename, order))) }).toEqual({
        fields,
        ...refused(400),
      });
    }
  }
  expect(await post(form(good, "x", "plays.csv", "D"))).toEqual(refused(400));
  expect(await post(form(good, "0123456789", "plays.csv", "DFF"))).toEqual(refused(400));
  expect((await service.uploads.get(`dropzone:${id}`))?.coverage ?? []).toEqual([]);
  expect(await Array.fromAsync(service.stores.staging.list())).toHaveLength(
    (await service.uploads.page({ limit: 1000, state: "arriving" })).records.length,
  );
});

test("answers another type of body with 415, and a broken one with 400, in JSON", async () => {
  const send = async (type: string, body: string) => {
    const headers = { "content-type": type };
    const response = await fetch(`${service.origin}/api/upload_file`, { method: "POST", headers, body });
    return { status: response.status, answer: await response.json() };
  };
  expect(await send("application/json", "{}")).toEqual(refused(415));
  expect(await send("multipart/form-data", "x")).toEqual(refused(400));
  const head = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n';
  for (const body of ["", "garbage", head, `${head}half`, "--B--\r\n"]) {
    expect({ body, ...(await send("multipart/form-data; boundary=B", body)) }).toEqual({
      body,
      ...refused(400),
    });
  }
});

test("a client that goes away in mid-chunk leaves the chunk to be sent again", async () => {
  const [id, csv] = [crypto.randomUUID(), random(300_000)];
  const body = Buffer.from(await new Response(chunkOf(id, csv, 100_000, 0)).arrayBuffer());
  const boundary = body.subarray(2, body.indexOf("\r\n")).toString();
  const head = `POST /api/upload_file HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n`;
  const type = `Content-Type: multipart/form-data; boundary=${boundary}\r\n\r\n`;
  const half = Buffer.concat([Buffer.from(head + type), body.subarray(0, 60_000)]);
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port: service.port,
    socket: { data: () => undefined },
  });
  socket.write(half);
  await until("the upload has begun", () => service.uploads.get(`dropzone:${id}`));
  socket.terminate();
  for (const index of [0, 1]) expect(await post(chunkOf(id, csv, 100_000, index))).toEqual(uploaded);
  expect(await post(chunkOf(id, csv, 100_000, 2))).toEqual(finished);
  expect(await bytesOf(id)).toBe(sha256(csv));
});

test("a refused file name is answered before the body is read to its end", async () => {
  const head = '--B\r\nContent-Disposition: form-data; name="file"; filename="a.exe"\r\n\r\n';
  const request = "POST /api/upload_file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n";
  const text = `${request}Content-Type: multipart/form-data; boundary=B\r\n\r\n${head}begin`;
  expect(await rawExchange(service.port, text)).toStartWith("HTTP/1.1 400");
});

test("the status speaks the protocol's words, the result is an attachment with ranges", async () => {
  const { answer } = await post(form({}, "Song,Date,Number of Plays\n", "plays.csv"));
  const id = answer.job_id ?? "";
  const status = async () => (await fetch(`${service.origin}/api/file_status/${id}`)).json();
  const download = (headers = {}) => fetch(`${service.origin}/api/download_file/${id}`, { headers });
  const set = (
    state: "queued" | "running" | "failed" | "cancelled",
    attempts: number,
    error: string | null = null,
  ) => service.jobs.set(id, { state, attempts, error, fileId: null });
  expect(await status()).toEqual({ job_status: "PENDING", jod_id: id, job_id: id });
  expect((await download()).status).toBe(400);
  set("running", 1);
  expect(await status()).toMatchObject({ job_status: "STARTED" });
  set("queued", 1, "the worker died");
  expect(await status()).toMatchObject({ job_status: "RETRY" });
  set("failed", 3, "no column Song");
  expect(await status()).toMatchObject({ job_status: "FAILURE", error: "no column Song" });
  expect((await download()).status).toBe(400);
  set("cancelled", 1);
  expect(await status()).toMatchObject({ job_status: "FAILURE" });
  const source = (async function* () {
    yield Buffer.from("Song,Date,Total\n");
  })();
  const result = await service.files.store(
    { name: "plays-totals.csv", mediaType: "text/csv", origin: `job:${id}` },
    source,
  );
  service.jobs.set(id, { state: "succeeded", attempts: 1, error: null, fileId: result.id });
  expect(await status()).toEqual({ job_status: "SUCCESS", jod_id: id, job_id: id });
  const whole = await download();
  expect(whole.headers.get("content-disposition")).toStartWith('attachment; filename="plays-totals.csv"');
  expect(await whole.text()).toBe("Song,Date,Total\n");
  const part = await download({ range: "bytes=5-8" });
  expect([part.status, await part.text()]).toEqual([206, "Date"]);
  for (const path of ["file_status", "download_file"]) {
    const unknown = await fetch(`${service.origin}/api/${path}/nope`);
    expect({ status: unknown.status, answer: await unknown.json() }).toEqual(refused(404));
  }
});

test("answers the preflight of a page elsewhere", async () => {
  const headers = {
    origin: "http://elsewhere",
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-requested-with,cache-control",
  };
  const response = await fetch(`${service.origin}/api/upload_file`, { method: "OPTIONS", headers });
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-headers")).toContain("x-requested-with");
});

test("a crash between completion and submission loses no job and adds none", async () => {
  await using folder = await temporaryFolder();
  const [id, csv] = [crypto.randomUUID(), random(150_000)];
  const keys = new Map<string, string>();
  {
    await using before = await openStorageService(folder.path, { keys });
    await post(chunkOf(id, csv, 100_000, 0), before);
    // The state of a crash after the ledger listed the last chunk: durable bytes, no file, no job.
    const upload = await before.uploads.get(`dropzone:${id}`);
    if (!upload) throw new Error("no upload");
    await before.stores.staging.write(upload.staging, 100_000, csv.slice(100_000));
    await before.stores.records.replace("uploads", { ...upload, coverage: [[0, csv.length]] });
  }
  const answers: Answer[] = [];
  for (let round = 0; round < 2; round++) {
    await using after = await openStorageService(folder.path, { keys });
    answers.push((await post(chunkOf(id, csv, 100_000, 1), after)).answer);
    expect(await bytesOf(id, after)).toBe(sha256(csv));
  }
  expect(answers[0]).toEqual(finished.answer);
  expect(answers[1]).toEqual(answers[0]);
  expect(keys.size).toBe(1);
});

test("a CSV sent plain whose job cannot be added leaves no upload behind", async () => {
  let isFull = true;
  const keys = new (class extends Map<string, string> {
    override get(key: string): string | undefined {
      if (isFull) throw new Fault("no-space", "no space left on the disk");
      return super.get(key);
    }
  })();
  await using own = await temporaryStorageService({ keys });
  const refused = await post(form({}, "a,b\n1,2\n"), own);
  expect(refused).toMatchObject({ status: 507, answer: { status: "error" } });
  expect((await own.uploads.page({ limit: 10 })).records).toEqual([]);
  isFull = false;
  expect(await post(form({}, "a,b\n1,2\n"), own)).toEqual(finished);
});
