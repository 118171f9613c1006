// When a group of batches, or of works, is complete: at the end of a turn of the event loop, or when turns bring no more.

/** A group waits for more batches for so many turns of the event loop at most. */
const MOST_TURNS = 8;

export interface GatheringOptions {
  /**
   * The group waits as long as each turn brings more: where every group costs an fdatasync, those who were just answered are
   * about to send their next, and would else wait for a second one behind the first, each for half of the connections.
   */
  readonly waits: boolean;
  /** How many wait. */
  readonly count: () => number;
  /** The group is complete. */
  readonly go: () => void;
}

export class Gathering {
  readonly #options: GatheringOptions;
  #scheduled = false;
  /** How often the group has waited for another turn, and how many batches it had then. */
  #turns = 0;
  #seen = 0;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** Nothing is done within the turn: other connections may have sent too. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#turns = 0;
    this.#seen = 0;
    setImmediate(this.#look);
  }

  /** Made once, not for each turn. */
  readonly #look = () => {
    const { waits, count, go } = this.#options;
    const now = count();
    if (waits && now > this.#seen && this.#turns < MOST_TURNS) {
      this.#seen = now;
      this.#turns++;
      setImmediate(this.#look);
      return;
    }
    this.#scheduled = false;
    go();
  };
}
