// How much garbage the server lets lie: an option of the JavaScript engine, which only the environment of a new process can give.

/**
 * The engine collects when its heap has doubled, or, where it takes most of the machine's memory, has grown by a quarter. The cache of
 * items counts as heap, so beside a full one of 192 MB more than as much garbage lay again: 876 MB in all while small images were
 * uploaded, 387 MB with this. It is told of a machine so small that a heap above 100 MB takes most of it; below nothing changes.
 */
const OPTION = "BUN_JSC_forceRAMSize";
const MACHINE_BYTES = "134217728";

/**
 * Becomes this program anew with the option, by `execve`: the process stays the same, and loses 20 ms. Returns when it has the option, or
 * whoever started it chose another.
 */
export function limitGarbage(): void {
  const chosen = process.env[OPTION];
  if (chosen === undefined) {
    const compiled = Bun.main.startsWith("/$bunfs/");
    const args = compiled ? process.argv.slice(2) : [...process.execArgv, ...process.argv.slice(1)];
    process.execve?.(process.execPath, [process.execPath, ...args], {
      ...process.env,
      [OPTION]: MACHINE_BYTES,
    });
  } else if (chosen === MACHINE_BYTES) {
    // Ours alone: workers have no cache.
    delete process.env[OPTION];
  }
}
