// Waits for conditions, always with a deadline, never for a fixed time.
import { setTimeout as pause } from "node:timers/promises";

/** Default deadline. Generous, because CI machines are slow and a passing test does not wait for it. */
export const DEADLINE_MS = Number(process.env.CLIENT_TEST_PATIENCE_MS ?? 30_000);

/** Calls `probe` until the result is truthy, and returns the result. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  what: string | (() => string),
  ms = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  for (;;) {
    const result = await probe();
    if (result) return result;
    if (Date.now() > end)
      throw new Error(`Waited ${ms} ms without success: ${typeof what === "function" ? what() : what}`);
    await pause(5);
  }
}

/** Returns the result of `promise`. Throws an error that names `what` after `ms` milliseconds. */
export async function withDeadline<T>(promise: Promise<T>, what: string, ms = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms without success: ${what}`)), ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

/** Returns a pseudorandom generator. The same seed gives the same numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs `work` repeatedly in `workers` parallel loops until `stop`, which throws the first failure of a loop. */
export function repeatUntilStopped(
  workers: number,
  work: (worker: number) => Promise<unknown>,
): { stop(): Promise<void> } {
  let running = true;
  const all = Promise.allSettled(
    Array.from({ length: workers }, async (_, worker) => {
      while (running) await work(worker);
    }),
  );
  return {
    async stop() {
      running = false;
      const failed = (await all).find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}
