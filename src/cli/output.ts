// All that a command prints: results on standard output; notes, progress and errors on standard error.

export interface Output {
  /** A result line, on standard output. */
  line(text: string): void;
  /** Nobody reads standard output any more: lines are dropped, and a long listing may end. */
  readonly readerGone: boolean;
  /** When all lines have left. Throws what kept them from a file (a full disk); a reader that has gone did so because it had enough. */
  flush(): Promise<void>;
  /** A note for people, on standard error; silent in pipes and with --json. */
  note(text: string): void;
  /** An error, on standard error, always. */
  error(text: string): void;
  /** True when standard error is a terminal: progress bars make sense. */
  readonly terminal: boolean;
  /** Rewrites the progress line (no newline); does nothing unless `terminal`. An empty text clears it. */
  progress(text: string): void;
}

/** The process's own standard output and error. */
export function processOutput(): Output {
  const terminal = process.stderr.isTTY === true;
  let lost: unknown;
  let lastLine: Promise<void> | undefined;
  // What fails is also announced as an event: without these a reader that leaves early (`cairn list | head`) ends the process.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  let drawn = false;
  const clear = () => {
    if (drawn) process.stderr.write("\r\x1b[2K");
    drawn = false;
  };
  return {
    terminal,
    get readerGone() {
      return hasLeft(lost);
    },
    line(text) {
      clear();
      if (lost !== undefined) return;
      lastLine = new Promise((resolve) => {
        process.stdout.write(`${text}\n`, (error) => {
          lost ??= error ?? undefined;
          resolve();
        });
      });
    },
    async flush() {
      await lastLine;
      if (lost !== undefined && !hasLeft(lost)) throw lost;
    },
    note(text) {
      if (!terminal) return;
      clear();
      process.stderr.write(`${text}\n`);
    },
    error(text) {
      clear();
      process.stderr.write(`${text}\n`);
    },
    progress(text) {
      if (!terminal) return;
      clear();
      if (text === "") return;
      process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) - 1));
      drawn = true;
    },
  };
}

function hasLeft(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
