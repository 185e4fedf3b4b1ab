// How long the last events took from commit to this page.

/** So many are kept. */
export const KEPT = 200;

/** What was promised, in milliseconds. */
export const PROMISE = 100;

export interface Summary {
  count: number;
  p50: number;
  p99: number;
  max: number;
  late: number;
}

export class Delays {
  readonly #delays: number[] = [];

  /** Oldest first. */
  get all(): readonly number[] {
    return this.#delays;
  }

  add(ms: number): void {
    this.#delays.push(ms);
    if (this.#delays.length > KEPT) this.#delays.shift();
  }

  /** Undefined while there is nothing to sum up. */
  summary(): Summary | undefined {
    const sorted = [...this.#delays].sort((a, b) => a - b);
    const max = sorted.at(-1);
    if (max === undefined) return undefined;
    return {
      count: sorted.length,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      max,
      late: sorted.filter((ms) => ms > PROMISE).length,
    };
  }
}

/** The smallest value that the share `p` of all do not exceed (nearest rank). */
export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}
