// Time, injected, so that tests move it and nothing in the domain reads the system's clock.

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. May jump in either direction when the system's clock is set. */
  now(): number;

  /**
   * Resolves after `ms` milliseconds.
   *
   * Rejects with the signal's reason as soon as `signal` is aborted; then no timer is left behind.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
