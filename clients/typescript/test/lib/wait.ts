// Waiting: for a condition, with a deadline, never for a fixed time.
import { setTimeout as pause } from "node:timers/promises";

/** Generous: CI machines are slow, and a test that passes does not wait for it. */
export const PATIENCE_MS = Number(process.env.CLIENT_TEST_PATIENCE_MS ?? 30_000);

/** Asks again and again until the answer is truthy, and returns it. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  what: string | (() => string),
  ms = PATIENCE_MS,
): Promise<NonNullable<T>> {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`Waited ${ms} ms in vain: ${typeof what === "function" ? what() : what}`);
    await pause(5);
  }
}

/** `promise`, or a failure that says what was awaited. */
export async function within<T>(promise: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain: ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Numbers that look random and are the same for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So many workers, each at it again and again until `stop`, which fails as the first of them that failed. */
export function keepBusy(workers: number, work: (worker: number) => Promise<unknown>): { stop(): Promise<void> } {
  let on = true;
  const all = Promise.allSettled(
    Array.from({ length: workers }, async (_, worker) => {
      while (on) await work(worker);
    }),
  );
  return {
    async stop() {
      on = false;
      const failed = (await all).find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
    },
  };
}
