// A progress bar with rate and time left, on a terminal only.

import type { Output } from "./output.ts";

export interface ProgressBar {
  /** As the client library's onProgress calls it; `resumed` bytes of `done` were there before. */
  update(progress: {
    readonly done: number;
    readonly total: number | undefined;
    readonly resumed?: number;
  }): void;
  /** Removes the bar. */
  end(): void;
}

export interface ProgressState {
  readonly label: string;
  /** Bytes. */
  readonly done: number;
  readonly total: number | undefined;
  /** Milliseconds since the beginning. */
  readonly elapsed: number;
  /** Bytes of `done` that were there at the beginning: they say nothing of the rate. */
  readonly resumed?: number;
}

const REDRAW_MS = 100;
const BAR_WIDTH = 24;

/** `now` in milliseconds. With `quiet` nothing is drawn. */
export function progressBar(
  output: Output,
  label: string,
  quiet: boolean,
  now: () => number = () => performance.now(),
): ProgressBar {
  const startedAt = now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  return {
    update({ done, total, resumed = 0 }) {
      const at = now();
      if (quiet || !output.terminal || (at - drawnAt < REDRAW_MS && done !== total)) return;
      drawnAt = at;
      output.progress(progressLine({ label, done, total, resumed, elapsed: at - startedAt }));
    },
    end() {
      output.progress("");
    },
  };
}

/** `storing a.tar  ██████░░░░  45 %  23.4 MB of 52.0 MB  120.0 MB/s  0:02 left` */
export function progressLine({ label, done, total, elapsed, resumed = 0 }: ProgressState): string {
  const rate = elapsed > 0 ? ((done - resumed) / elapsed) * 1_000 : 0;
  const speed = `${bytesText(rate)}/s`;
  if (total === undefined) return `${label}  ${bytesText(done)}  ${speed}`;
  const part = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.floor(part * BAR_WIDTH);
  const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
  const percent = `${Math.floor(part * 100)} %`.padStart(5);
  const left = rate > 0 ? `  ${timeText((total - done) / rate)} left` : "";
  return `${label}  ${bar} ${percent}  ${bytesText(done)} of ${bytesText(total)}  ${speed}${left}`;
}

/** `999 bytes`, `1.0 kB`, `52.4 MB`: powers of 1,000. */
export function bytesText(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0:07`, `12:30`, `1:02:03`. */
function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3_600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
