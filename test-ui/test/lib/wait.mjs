// Waiting: always for a condition, always with a deadline, never for a fixed time.
import { setTimeout as pause } from "node:timers/promises";

/** How long a test waits for something that must happen but has no deadline of its own, in milliseconds. */
export const PATIENCE_MS = Number(process.env.UI_PATIENCE_MS ?? 20_000);

/** `promise`, or a rejection that says what was awaited once `ms` have passed. */
export async function withDeadline(promise, what, ms = PATIENCE_MS) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${ms} ms in vain: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it gives something truthy, and returns that. A throw counts as "not yet". */
export async function eventually(probe, what, ms = PATIENCE_MS) {
  const end = Date.now() + ms;
  for (;;) {
    let last;
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`Waited ${ms} ms in vain: ${what} (last answer: ${last})`);
    await pause(20);
  }
}
