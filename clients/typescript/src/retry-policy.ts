// The retry policy: the delay before the next attempt, and the time that an attempt to connect may take.

export interface BackoffOptions {
  /** Milliseconds before the second attempt and, unless `first` is set, before the first. */
  min: number;
  /** Upper limit of the delay, in milliseconds. */
  max: number;
  /** Milliseconds before the first attempt. */
  first?: number;
  /** The count starts again if no attempt follows within this many milliseconds after the last one was due. */
  resetAfter?: number;
  random?: () => number;
}

/**
 * Exponential backoff with jitter: the delay doubles with each attempt in a row. Success does not reset the count,
 * because something that alternates quickly between success and failure must slow down too. A quiet period resets it.
 */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #attempts = 0;
  #dueAt = -Infinity;

  constructor(options: BackoffOptions) {
    this.#options = { first: options.min, resetAfter: 10_000, random: Math.random, ...options };
  }

  /**
   * Returns the milliseconds from `now` to the next attempt: 50 to 100 % of the full delay, so that clients spread out.
   */
  next(now = Date.now()): number {
    const { min, max, first, resetAfter, random } = this.#options;
    if (now - this.#dueAt > resetAfter) this.#attempts = 0;
    const full = this.#attempts === 0 ? first : Math.min(max, min * 2 ** (this.#attempts - 1));
    this.#attempts++;
    const delay = full * (0.5 + random() / 2);
    this.#dueAt = now + delay;
    return delay;
  }
}

/**
 * Returns the timeout of connection attempt `attempt` (1, 2, …) in milliseconds. On a network that silently drops
 * packets, an attempt that started during the outage stays stuck after the network returns, so most timeouts are short.
 * Every third timeout is longer than the ones before, for networks that are slow.
 */
export function connectTimeout(attempt: number): number {
  return attempt % 3 === 0 ? Math.min(20_000, 1_500 * 2 ** (attempt / 3)) : 1_500;
}
