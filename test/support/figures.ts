// Figures that end-to-end tests measure: printed as lines that the test command gathers at its end.

/** One line, `figure: <what>: <value>`. */
export function figure(what: string, value: string): void {
  console.log(`figure: ${what}: ${value}`);
}

/** Runs `work`; returns its result and its wall time in seconds. */
export async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number }> {
  const start = performance.now();
  const result = await work();
  return { result, seconds: (performance.now() - start) / 1000 };
}

/** Resident memory of a process in MB, from the kernel's account of it. */
export async function residentMegabytes(pid: number): Promise<number> {
  const status = await Bun.file(`/proc/${pid}/status`).text();
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  if (kilobytes === undefined) throw new Error(`/proc/${pid}/status has no VmRSS`);
  return Number(kilobytes) / 1024;
}
