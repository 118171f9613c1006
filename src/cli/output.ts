// All that a command prints: results on standard output; notes, progress and errors on standard error.

export interface Output {
  /** A result line, on standard output. */
  line(text: string): void;
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
  let drawn = false;
  const clear = () => {
    if (drawn) process.stderr.write("\r\x1b[2K");
    drawn = false;
  };
  return {
    terminal,
    line(text) {
      clear();
      process.stdout.write(`${text}\n`);
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
