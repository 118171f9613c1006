// `npm run test:faults`: the kill tests with 200 rounds (or as many as named), by themselves.

const rounds = process.argv[2] ?? "200";
const run = Bun.spawn(
  [
    process.execPath,
    "test",
    "./test/faults/kill.test.ts",
    "./test/faults/kv-kill.test.ts",
    "./test/faults/kv-large-kill.test.ts",
    "./test/faults/transfer-kill.test.ts",
    "./test/faults/many-workers.test.ts",
  ],
  {
    env: { ...process.env, CAIRN_KILL_ROUNDS: rounds, CAIRN_JOBS: "1000" },
    stdio: ["inherit", "inherit", "inherit"],
  },
);
process.exitCode = await run.exited;
