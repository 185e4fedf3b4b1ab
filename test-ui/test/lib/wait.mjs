// Waits for conditions, always with a deadline, never for a fixed time.
import { setTimeout as pause } from "node:timers/promises";

/** The default deadline, in milliseconds, for something that must happen. */
export const DEADLINE_MS = Number(process.env.UI_PATIENCE_MS ?? 20_000);

/** Returns the result of `promise`. Throws an error that names `what` after `ms` milliseconds. */
export async function withDeadline(promise, what, ms = DEADLINE_MS) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms without success: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `probe` until the result is truthy, and returns the result. An exception is final. */
export async function eventually(probe, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const last = await probe();
    if (last) return last;
    if (Date.now() > end) throw new Error(`Waited ${ms} ms without success: ${what} (last result: ${last})`);
    await pause(20);
  }
}
