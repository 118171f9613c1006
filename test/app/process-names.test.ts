// Which processes are known to be dead by their names, and of which nothing is known.

import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { join } from "node:path";
import { lifeOf, processName } from "../../src/app/process-names.ts";
import { isDeadHere, isOfBefore, workerName } from "../../src/app/workers.ts";
import { Program } from "../support/processes.ts";

const OWN = processName();
/** The parts behind host and pid. */
const [, , identity = ""] = OWN.split(":");
const [boot = "", namespace = "", start = ""] = identity.split(".");
const own = (parts: string, host = hostname()) => `${host}:${process.pid}:${parts}`;

test("a process is alive under its name, and dead when it has ended", async () => {
  const program = await Program.start(["sleep", "100"]);
  const name = processName(program.pid);
  expect([lifeOf(OWN), lifeOf(processName(1)), lifeOf(name)]).toEqual(["alive", "alive", "alive"]);
  program.kill();
  await program.exited;
  expect(lifeOf(name)).toBe("dead");
});

test("the pid alone tells neither of an earlier process nor of one in another container", () => {
  expect(lifeOf(own(`${boot}.${namespace}.${Number(start) - 1}`))).toBe("dead");
  expect(lifeOf(own(`${boot}.1.${start}`))).toBe("unknown");
  expect(lifeOf(own(`${boot === "00000000" ? "11111111" : "00000000"}.${namespace}.${start}`))).toBe("dead");
  expect(lifeOf(own(`00000000.${namespace}.${start}`, "elsewhere"))).toBe("unknown");
});

test("names of an older Cairn are of a host and a pid", () => {
  expect(lifeOf(`${hostname()}:${process.pid}`)).toBe("alive");
  expect(lifeOf(`${hostname()}:4194999`)).toBe("dead");
  expect(lifeOf("elsewhere:4194999")).toBe("unknown");
  expect(lifeOf("nonsense")).toBe("unknown");
});

test("the workers of a server before are dead to the next one, wherever they ran; others only if it is known", () => {
  const there = own(`${boot}.1.${start}`);
  expect([isDeadHere(there), isOfBefore(there)]).toEqual([false, false]);
  expect([isDeadHere(`${there}.s`), isOfBefore(`${there}.s`)]).toEqual([false, true]);
  expect(isDeadHere(workerName(process.pid, true))).toBe(false);
  expect(isDeadHere(own(`${boot}.${namespace}.1.s`))).toBe(true);
});

const NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const mayUnshare = Bun.which("unshare") !== null && Bun.spawnSync([...NAMESPACE, "true"]).success;
const named = "a process in another PID namespace, under the same host name, is not taken for dead";

test.skipIf(!mayUnshare)(
  mayUnshare ? named : `${named} (skipped: no PID namespace may be made here)`,
  async () => {
    const script = `import { processName } from ${JSON.stringify(join(import.meta.dir, "../../src/app/process-names.ts"))};
      console.log(processName()); setTimeout(() => {}, 60_000);`;
    const program = await Program.start([...NAMESPACE, process.execPath, "-e", script]);
    try {
      const [name] = await program.untilLine(/^.+:\d+:.+$/m);
      expect(name).toStartWith(`${hostname()}:1:`);
      expect(lifeOf(name)).toBe("unknown");
    } finally {
      program.kill();
      await program.exited;
    }
  },
  30_000,
);
