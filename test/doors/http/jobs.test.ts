// The jobs and merge routes over a real HTTP door.

import { describe, expect, test } from "bun:test";
import { jobsRoutes } from "../../../src/doors/http/jobs/routes.ts";
import { mergeRoutes } from "../../../src/doors/http/merge/routes.ts";
import { openHttpDoor } from "../../../src/doors/http/server.ts";
import { type JobShopOptions, openJobShop } from "../../support/job-shop.ts";
import { quietLog } from "../../support/quiet-log.ts";

function serve(options: JobShopOptions = {}) {
  const shop = openJobShop(options);
  const server = openHttpDoor({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 10,
    log: quietLog,
    routes: [...jobsRoutes(shop), ...mergeRoutes(shop)],
  });
  const origin = `http://127.0.0.1:${server.port}`;
  return {
    ...shop,
    get: (path: string, headers: Record<string, string> = {}) => fetch(origin + path, { headers }),
    send: (method: string, path: string, body?: string, type = "application/json") =>
      fetch(origin + path, {
        method,
        headers: { "content-type": type },
        ...(body !== undefined && { body }),
      }),
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await shop[Symbol.asyncDispose]();
    },
  };
}

const DAY = JSON.stringify({ start_date: "2020-01-01", end_date: "2020-01-02" });
const LOGS = { objects: { "2020-01-01_0.log": "b\n", "2020-01-02_0.log": "a\n" } };

describe("merge", () => {
  test("initiate, then download whole and in ranges as an attachment", async () => {
    await using door = serve(LOGS);
    const initiated = await door.send("POST", "/initiate", DAY);
    const { download_id: id } = (await initiated.json()) as { download_id: string };
    expect(initiated.status).toBe(200);
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    await door.ended(id);
    const whole = await door.get(`/download/${id}`);
    expect(whole.status).toBe(200);
    expect(whole.headers.get("content-disposition")).toContain(
      'attachment; filename="merged_2020-01-01_2020-01-02.log"',
    );
    expect(await whole.text()).toBe("a\nb\n");
    const part = await door.get(`/download/${id}`, { range: "bytes=2-" });
    expect([part.status, await part.text()]).toEqual([206, "b\n"]);
  });

  test("202 with Retry-After and JSON while unfinished", async () => {
    await using door = serve({ ...LOGS, working: false });
    const { download_id: id } = (await (await door.send("POST", "/initiate", DAY)).json()) as {
      download_id: string;
    };
    const answer = await door.get(`/download/${id}`);
    expect(answer.status).toBe(202);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ status: "queued", download_id: id });
    await door.jobs.cancel(id);
    expect((await door.get(`/download/${id}`)).status).toBe(410);
  });

  test("a failed job answers its error, not 202; an unknown id 404", async () => {
    await using door = serve({ objects: { "2020-01-01_0.log": "b\na\n" } });
    const { download_id: id } = (await (await door.send("POST", "/initiate", DAY)).json()) as {
      download_id: string;
    };
    await door.ended(id);
    const failed = await door.get(`/download/${id}`);
    expect(failed.status).toBe(500);
    expect(await failed.text()).toContain("2020-01-01_0.log is not sorted");
    for (const unknown of ["nope", crypto.randomUUID(), "..%2f..%2fetc", "a".repeat(10_000)]) {
      expect((await door.get(`/download/${unknown}`)).status).toBe(404);
    }
    const other = await door.jobs.submit({ kind: "aggregate", input: { fileId: "x" } });
    expect((await door.get(`/download/${other.id}`)).status).toBe(404);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8", ""])(
    "JSON is taken with the Content-Type %j",
    async (type) => {
      await using door = serve();
      expect((await door.send("POST", "/initiate", DAY, type)).status).toBe(200);
    },
  );

  test.each([
    ["", "not JSON"],
    ["{", "not JSON"],
    ["null", "JSON object"],
    ["[]", "JSON object"],
    ["{}", "start_date is missing"],
    ['{"start_date":"2020-01-01"}', "end_date is missing"],
    ['{"start_date":20200101,"end_date":"2020-01-01"}', "start_date: 20200101 is not a text"],
    ['{"start_date":"2019-02-30","end_date":"2020-01-01"}', "2019-02-30"],
    ['{"start_date":"2019-02-29","end_date":"2020-01-01"}', "there is no such day"],
    ['{"start_date":"2019-13-01","end_date":"2020-01-01"}', "there is no such day"],
    ['{"start_date":"01.01.2020","end_date":"2020-01-01"}', "not a date"],
    ['{"start_date":"../../etc","end_date":"2020-01-01"}', "not a date"],
    ['{"start_date":"2020-01-02","end_date":"2020-01-01"}', "before start_date"],
    ['{"__proto__":{"start_date":"2020-01-02"},"end_date":"2020-01-01"}', "start_date is missing"],
  ])("400 with what is wrong: %s", async (body, message) => {
    await using door = serve();
    const answer = await door.send("POST", "/initiate", body);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(message);
    expect((await door.jobs.counts()).queued).toBe(0);
  });

  test("a body that is not UTF-8 is 400, one too large 413", async () => {
    await using door = serve();
    expect((await door.send("POST", "/initiate", `{"x":"${"y".repeat(70_000)}"}`)).status).toBe(413);
  });
});

describe("jobs", () => {
  test.each([
    ["nested too deeply", 400, `{"kind":"merge","input":${"[".repeat(200_000)}${"]".repeat(200_000)}}`],
    ["Unrecognized key", 400, '{"kind":"merge","input":{},"idempotencykey":"k"}'],
    ["delay: Too big", 400, '{"kind":"merge","input":{},"delay":315360000001}'],
  ])("%s is %d", async (message, status, body) => {
    await using door = serve({ working: false });
    const answer = await door.send("POST", "/api/jobs", body);
    expect(answer.status).toBe(status);
    expect(await answer.text()).toContain(message);
  });

  test("the key of one job is refused for another, and taken for the same", async () => {
    await using door = serve({ working: false });
    const submit = (input: object, kind = "merge") =>
      door.send("POST", "/api/jobs", JSON.stringify({ kind, input, idempotencyKey: "k" }));
    const id = async (answer: Response) => ((await answer.json()) as { id: string }).id;
    const first = await id(await submit({ start: "2020-01-01", end: "2020-01-02" }));
    expect(await id(await submit({ end: "2020-01-02", start: "2020-01-01" }))).toBe(first);
    for (const other of [
      await submit({ start: "2020-01-01", end: "2020-01-03" }),
      await submit({ fileId: "f" }, "aggregate"),
    ]) {
      expect(other.status).toBe(409);
      expect(await other.text()).toContain(`belongs to the merge job ${first}`);
    }
  });

  test("submit, look, list, cancel, retry", async () => {
    await using door = serve({ working: false });
    const body = {
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-02" },
      idempotencyKey: "k",
      priority: 3,
    };
    const created = await door.send("POST", "/api/jobs", JSON.stringify(body));
    const job = (await created.json()) as { id: string };
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe(`/api/jobs/${job.id}`);
    expect(job).toMatchObject({ kind: "merge", state: "queued", priority: 3, file: null, log: [] });
    const again = (await (await door.send("POST", "/api/jobs", JSON.stringify(body))).json()) as {
      id: string;
    };
    expect(again.id).toBe(job.id);
    for (const query of [
      "",
      "?state=queued&kind=merge",
      `?text=${job.id.slice(0, 8)}`,
      "?text=2020-01-02&limit=1",
    ]) {
      const list = (await (await door.get(`/api/jobs${query}`)).json()) as {
        jobs: { id: string }[];
        next: unknown;
      };
      expect(list.jobs.map(({ id }) => id)).toEqual([job.id]);
      expect(list.next).toBeNull();
    }
    expect(await (await door.get("/api/jobs?state=failed")).json()).toEqual({ jobs: [], next: null });
    expect(await (await door.send("DELETE", `/api/jobs/${job.id}`)).json()).toMatchObject({
      state: "cancelled",
    });
    expect(await (await door.send("POST", `/api/jobs/${job.id}/retry`)).json()).toMatchObject({
      state: "queued",
    });
    expect((await door.send("POST", `/api/jobs/${job.id}/retry`)).status).toBe(409);
  });

  test("a succeeded job shows its file", async () => {
    await using door = serve(LOGS);
    const { id } = await door.jobs.submit({
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-02" },
    });
    await door.ended(id);
    expect(await (await door.get(`/api/jobs/${id}`)).json()).toMatchObject({
      state: "succeeded",
      file: { id, size: 4, url: `/files/${id}` },
    });
  });

  test.each([
    ["GET", "/api/jobs/nope", undefined, 404],
    ["DELETE", "/api/jobs/nope", undefined, 404],
    ["POST", "/api/jobs/nope/retry", undefined, 404],
    ["GET", "/api/jobs?state=odd", undefined, 400],
    ["GET", "/api/jobs?limit=0", undefined, 400],
    ["GET", "/api/jobs?limit=1001", undefined, 400],
    ["GET", "/api/jobs?since=soon", undefined, 400],
    ["GET", "/api/jobs?after=../x", undefined, 400],
    ["POST", "/api/jobs", "{", 400],
    ["POST", "/api/jobs", '{"kind":"nope","input":{}}', 400],
    ["POST", "/api/jobs", '{"kind":"merge","input":{"start":"2019-02-30","end":"2019-03-01"}}', 400],
    ["POST", "/api/jobs", '{"kind":"merge","input":{},"delay":-1}', 400],
  ])("%s %s %s → %d", async (method, path, body, status) => {
    await using door = serve({ working: false });
    expect((await door.send(method, path, body)).status).toBe(status);
  });
});

describe("many jobs at once", () => {
  const submit = async (door: ReturnType<typeof serve>, count: number, end = "2020-01-02") => {
    const input = { start: "2020-01-01", end };
    const jobs = await Promise.all(
      Array.from({ length: count }, () => door.jobs.submit({ kind: "merge", input })),
    );
    return jobs.map(({ id }) => id);
  };
  const change = async (door: ReturnType<typeof serve>, action: string, body: object) => {
    const answer = await door.send("POST", `/api/jobs/${action}`, JSON.stringify(body));
    return { status: answer.status, body: (await answer.json()) as unknown };
  };
  const done = (jobs: number) => ({ status: 200, body: { jobs } });

  test("are cancelled, retried and deleted by a filter, beyond a page, and counted without being changed", async () => {
    await using door = serve({ working: false });
    await submit(door, 1_100);
    const [other = ""] = await submit(door, 1, "2020-02-01");
    expect(await change(door, "cancel", { state: "queued", dryRun: true })).toEqual(done(1_101));
    expect(await change(door, "cancel", { state: "queued", text: "2020-01-02" })).toEqual(done(1_100));
    expect(await door.jobs.counts()).toMatchObject({ queued: 1, cancelled: 1_100 });
    expect(await change(door, "retry", { state: "cancelled", kind: "aggregate" })).toEqual(done(0));
    expect(await change(door, "retry", { state: "cancelled", kind: "merge" })).toEqual(done(1_100));
    expect(await door.jobs.counts()).toMatchObject({ queued: 1_101, cancelled: 0 });
    expect(await change(door, "cancel", { state: "queued", until: 1 })).toEqual(done(0));
    expect(await change(door, "cancel", { state: "queued", since: 1 })).toEqual(done(1_101));
    expect(await change(door, "delete", { state: "cancelled", text: other })).toEqual(done(1));
    expect(await change(door, "delete", { state: "cancelled" })).toEqual(done(1_100));
    expect((await door.jobs.page({ limit: 1 })).jobs).toEqual([]);
  });

  test("by ids only those that are there and can be changed; running ones are told", async () => {
    await using door = serve({ working: false });
    const [running = "", queued = "", ended = ""] = await submit(door, 3);
    await door.queue.claim("w", ["merge"], 60_000);
    await door.jobs.cancel(ended);
    const ids = [running, queued, ended, "nope", queued];
    expect(await change(door, "delete", { ids })).toEqual(done(1));
    expect(await change(door, "retry", { ids })).toEqual(done(0));
    expect(await change(door, "cancel", { ids, state: "queued" })).toEqual(done(1));
    expect(await change(door, "cancel", { ids })).toEqual(done(1));
    expect((await door.jobs.get(running))?.cancelRequested).toBe(true);
    expect((await door.jobs.get(queued))?.state).toBe("cancelled");
  });

  test("are deleted with their results, and with nothing else", async () => {
    await using door = serve(LOGS);
    const [id = ""] = await submit(door, 1);
    await door.ended(id);
    expect((await door.get(`/download/${id}`)).status).toBe(200);
    expect(await change(door, "delete", { state: "succeeded" })).toEqual(done(1));
    expect((await door.get(`/download/${id}`)).status).toBe(404);
    expect((await door.files.page({ limit: 10 })).records).toEqual([]);
  });

  test.each([
    ["retry", {}, "say which jobs"],
    ["delete", { kind: "merge" }, "say which jobs"],
    ["delete", { state: "running" }, "no way to remove jobs that are running"],
    ["cancel", { state: "failed" }, "no way to cancel jobs that are failed"],
    ["retry", { state: "succeeded" }, "no way to retry"],
    ["cancel", { state: "queued", knd: "merge" }, "knd"],
    ["cancel", { ids: [] }, "ids"],
    ["cancel", { ids: Array.from({ length: 501 }, String) }, "ids"],
    ["cancel", { state: "odd" }, "state"],
  ])("%s of %j is refused: a filter that got lost is not all jobs", async (action, body, message) => {
    await using door = serve({ working: false });
    await submit(door, 1);
    const answer = await change(door, action, body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(message);
    expect((await door.jobs.counts()).queued).toBe(1);
  });
});

describe("kinds", () => {
  const kindsOf = async (answer: Response) =>
    (
      (await answer.json()) as { kinds: { kind: string; paused: boolean; jobs: { queued: number } }[] }
    ).kinds.map(({ kind, paused, jobs }) => [kind, paused, jobs.queued]);

  test("are counted, paused and let go on, one or all", async () => {
    await using door = serve(LOGS);
    await door.send("POST", "/api/kinds/pause", "{}");
    const { id } = await door.jobs.submit({
      kind: "merge",
      input: { start: "2020-01-01", end: "2020-01-02" },
    });
    expect(await kindsOf(await door.get("/api/kinds"))).toEqual([
      ["aggregate", true, 0],
      ["merge", true, 1],
    ]);
    const resumed = await door.send("POST", "/api/kinds/resume", '{"kind":"merge"}');
    expect((await kindsOf(resumed)).map(([kind, paused]) => [kind, paused])).toEqual([
      ["aggregate", true],
      ["merge", false],
    ]);
    expect((await door.ended(id)).state).toBe("succeeded");
    expect((await door.send("POST", "/api/kinds/pause", '{"kind":"nope"}')).status).toBe(400);
    expect((await door.send("POST", "/api/kinds/pause", '{"kinds":"merge"}')).status).toBe(400);
  });
});

describe("events", () => {
  const START = JSON.stringify({ kind: "merge", input: { start: "2020-01-01", end: "2020-01-02" } });
  const submit = async (door: ReturnType<typeof serve>, body = START) =>
    ((await (await door.send("POST", "/api/jobs", body)).json()) as { id: string }).id;
  const eventsOf = (text: string) =>
    text
      .split("\n\n")
      .filter(Boolean)
      .map((block) => ({
        event: /^event: (.*)$/m.exec(block)?.[1],
        state: (JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? "null") as { state: string }).state,
      }));

  test("the job as it is, each change, and the end, which ends the stream", async () => {
    await using door = serve({ ...LOGS, working: false });
    const id = await submit(door);
    const answer = await door.get(`/api/jobs/${id}/events`);
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    const read = async () => {
      const { value, done } = await reader.read();
      text += new TextDecoder().decode(value);
      return done;
    };
    await read();
    expect(eventsOf(text)).toEqual([{ event: "job", state: "queued" }]);
    const lease = await door.queue.claim("w", ["merge"], 60_000);
    await read();
    expect(eventsOf(text).at(-1)).toEqual({ event: "job", state: "running" });
    if (lease) await door.queue.complete(lease, { bytes: 1 });
    while (!(await read()));
    expect(eventsOf(text).at(-1)).toEqual({ event: "end", state: "succeeded" });
    expect(text).toContain("id: end\n");
  });

  test("an ended job is one event; a reader that comes back after it is told to stop", async () => {
    await using door = serve(LOGS);
    const id = await submit(door);
    await door.ended(id);
    expect(eventsOf(await (await door.get(`/api/jobs/${id}/events`)).text())).toEqual([
      { event: "end", state: "succeeded" },
    ]);
    expect((await door.get(`/api/jobs/${id}/events`, { "last-event-id": "end" })).status).toBe(204);
  });

  test("the whole list: jobs as they are, new ones, and how those end that no longer fit the filter", async () => {
    await using door = serve({ ...LOGS, working: false });
    const first = await submit(door);
    const answer = await door.get("/api/jobs/events?state=queued&limit=10");
    expect(answer.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = "";
    const told = async (id: string, state: string) => {
      const event = () =>
        text.split("\n\n").find((one) => one.includes(`"id":"${id}"`) && one.includes(`"state":"${state}"`));
      while (!event()) text += decoder.decode((await reader.read()).value, { stream: true });
      expect(event()).toStartWith("event: job\ndata: {");
    };
    await told(first, "queued");
    const second = await submit(door, START.replace("01-02", "01-03"));
    await told(second, "queued");
    const lease = await door.queue.claim("w", ["merge"], 60_000);
    await told(first, "running");
    if (lease) await door.queue.complete(lease, { bytes: 1 });
    await told(first, "succeeded");
    await door.queue.cancel(second);
    await told(second, "cancelled");
    await reader.cancel();
    expect((await door.get("/api/jobs/events?limit=0")).status).toBe(400);
  });

  test("an unknown job is 404, and one that is forgotten meanwhile ends its stream", async () => {
    await using door = serve({ ...LOGS, working: false });
    expect((await door.get("/api/jobs/nope/events")).status).toBe(404);
    const id = await submit(door);
    const answer = await door.get(`/api/jobs/${id}/events`);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await door.queue.cancel(id);
    await door.queue.prune(Number.MAX_SAFE_INTEGER, 0, 10);
    expect(
      await reader.read().then(
        ({ done }) => done,
        () => true,
      ),
    ).toBe(true);
  });

  test("a webhook is taken with the job, and refused when it is none", async () => {
    await using door = serve({ working: false });
    const job = JSON.parse(START);
    const good = await door.send(
      "POST",
      "/api/jobs",
      JSON.stringify({ ...job, webhook: "https://a.example/x" }),
    );
    expect(await good.json()).toMatchObject({ webhook: "https://a.example/x", timings: { waited: null } });
    const bad = await door.send(
      "POST",
      "/api/jobs",
      JSON.stringify({ ...job, webhook: "file:///etc/passwd" }),
    );
    expect(bad.status).toBe(400);
  });
});
