// The latency of the most recent events, from the commit to this page.

/** The number of latencies that are kept. */
export const WINDOW_SIZE = 200;

/** The latency that the project promises. */
export const TARGET_MS = 100;

export interface LatencySummary {
  count: number;
  p50: number;
  p99: number;
  max: number;
  overTarget: number;
}

export class Latencies {
  readonly #values: number[] = [];

  /** In milliseconds, oldest first. */
  get values(): readonly number[] {
    return this.#values;
  }

  add(ms: number): void {
    this.#values.push(ms);
    if (this.#values.length > WINDOW_SIZE) this.#values.shift();
  }

  /** Returns undefined if there are no values. */
  summarize(): LatencySummary | undefined {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const max = sorted.at(-1);
    if (max === undefined) return undefined;
    return {
      count: sorted.length,
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      max,
      overTarget: sorted.filter((ms) => ms > TARGET_MS).length,
    };
  }
}

/** Returns the nearest-rank percentile: the smallest value that is not below the share `p` of all values. */
export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}
