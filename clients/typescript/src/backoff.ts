// How long to wait before trying again.

export interface BackoffOptions {
  /** Milliseconds before the second try and, unless `first` says otherwise, the first. */
  min: number;
  max: number;
  first?: number;
  /** A try so many milliseconds after the one before it counts as the first again. */
  forget?: number;
  random?: () => number;
}

/**
 * Doubles the wait with each try in a row. There is no reset on success: something that succeeds and fails in quick
 * turns must slow down too, and after a quiet time the count is forgotten by itself.
 */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #tries = 0;
  #dueAt = -Infinity;

  constructor(options: BackoffOptions) {
    this.#options = { first: options.min, forget: 10_000, random: Math.random, ...options };
  }

  /** Milliseconds from `now` to the next try: between half and all of the doubled time, so that clients spread out. */
  next(now = Date.now()): number {
    const { min, max, first, forget, random } = this.#options;
    if (now - this.#dueAt > forget) this.#tries = 0;
    const full = this.#tries === 0 ? first : Math.min(max, min * 2 ** (this.#tries - 1));
    this.#tries++;
    const wait = full * (0.5 + random() / 2);
    this.#dueAt = now + wait;
    return wait;
  }
}

/**
 * How long attempt `n` (1, 2, …) to open a connection may take, in milliseconds. Where packets just vanish, an attempt
 * begun in the dark is dead even after the network is back, so most are short; every third is longer and longer, for
 * networks that are slow indeed.
 */
export function connectPatience(n: number): number {
  return n % 3 === 0 ? Math.min(20_000, 1_500 * 2 ** (n / 3)) : 1_500;
}

/** One wait at a time. */
export class Wait {
  #timer: ReturnType<typeof setTimeout> | undefined;

  get pending(): boolean {
    return this.#timer !== undefined;
  }

  /** Calls `then` after so many milliseconds, at once for none, in place of what was waited for before. */
  start(ms: number, then: () => void): void {
    this.clear();
    if (ms <= 0) {
      then();
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      then();
    }, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
