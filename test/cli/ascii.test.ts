// `cairn ascii` against the real image routes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CAIRN, run } from "../support/processes.ts";
import { type StorageService, temporaryStorageService } from "../support/storage-service.ts";

let service: StorageService;
beforeAll(async () => {
  service = await temporaryStorageService();
});
afterAll(() => service[Symbol.asyncDispose]());

const ascii = (...args: string[]) => run([CAIRN, "ascii", "-port", String(service.port), ...args]);

describe("cairn ascii", () => {
  test("sends images in chunks, takes them back and ends with SUCCESS!", async () => {
    const { code, stdout } = await ascii("-files", "5", "-chunksize", "100", "-log-level", "debug");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe("SUCCESS!");
    const count = (event: string) => lines.filter((line) => line.includes(` msg=${event} `)).length;
    expect(["image.registered", "image.uploaded", "image.verified"].map(count)).toEqual([5, 5, 5]);
    expect(count("chunk.uploaded")).toBeGreaterThan(15);
    const [, digest = ""] = /image\.verified sha256=([0-9a-f]{64})/.exec(stdout) ?? [];
    const stored = await fetch(`${service.origin}/image/${digest}`);
    expect(new Bun.CryptoHasher("sha256").update(await stored.arrayBuffer()).digest("hex")).toBe(digest);
  });

  test("takes chunks larger than the image, and logs JSON", async () => {
    const { code, stdout } = await ascii("-chunksize", "1000000", "-log-format", "json");
    expect(code).toBe(0);
    const steps = stdout
      .trimEnd()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { msg: string; level: string });
    expect(steps.map(({ msg }) => msg)).toEqual([
      "client.started",
      "image.registered",
      "image.uploaded",
      "image.verified",
    ]);
    expect(steps.every(({ level }) => level === "info")).toBe(true);
  });

  test("the same seed sends the same images, which is refused the second time", async () => {
    const first = await ascii("-files", "2", "-seed", "77");
    expect(first.stdout).toEndWith("SUCCESS!\n");
    const second = await ascii("-files", "2", "-seed", "77");
    expect(second.code).toBe(4);
    expect(second.stdout).not.toContain("SUCCESS!");
    expect(second.output).toContain("is registered already");
  });

  test("a server that is not there is an error of its own", async () => {
    const { code, output } = await run([CAIRN, "ascii", "-port", "1"]);
    expect(code).toBe(8);
    expect(output).toContain("no answer from http://127.0.0.1:1");
  });
});
