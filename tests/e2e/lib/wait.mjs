// Waiting for a condition, with a deadline. Tests never wait for a fixed time.
import { setTimeout as pause } from "node:timers/promises";
import { WAIT_TIMEOUT_MS } from "./settings.mjs";

/** Returns `promise`, or rejects after `ms` milliseconds with a message that names `what`. */
export async function withDeadline(promise, what, ms = WAIT_TIMEOUT_MS) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Timed out after ${ms} ms: ${typeof what === "function" ? what() : what}`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Calls `probe` until it returns a truthy value, and returns that value. If `probe` throws, it is called again. */
export async function eventually(probe, what, ms = WAIT_TIMEOUT_MS) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`Timed out after ${ms} ms: ${what} (last result: ${last})`);
    await pause(25);
  }
}

/**
 * Calls `emit` and waits for `answered`. If `record` receives nothing for 5 s, calls `emit` again, as a client must:
 * Socket.IO delivers at most once, and a message sent during the upgrade to a websocket is sometimes lost.
 */
export async function emitUntilAnswered(record, emit, answered) {
  const receivedBefore = record.received.length;
  emit();
  const repeat = setInterval(() => record.received.length === receivedBefore && emit(), 5000);
  try {
    return await answered;
  } finally {
    clearInterval(repeat);
  }
}

/** A stack of cleanup actions. They run newest first, and all of them run even if one fails. */
export class CleanupStack {
  #actions = [];

  /** Registers the cleanup action of `thing` and returns `thing`. */
  defer(thing, cleanUp) {
    this.#actions.push(() => cleanUp(thing));
    return thing;
  }

  async close() {
    const failures = [];
    while (this.#actions.length > 0) {
      await Promise.resolve()
        .then(this.#actions.pop())
        .catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
