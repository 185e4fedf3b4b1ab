// Waiting: always for a condition, always with a deadline, never for a fixed time.
import { setTimeout as pause } from "node:timers/promises";
import { WAIT_TIMEOUT_MS } from "./settings.mjs";

/** `promise`, or a rejection that says what was awaited once `ms` have passed. */
export async function withDeadline(promise, what, ms = WAIT_TIMEOUT_MS) {
  let timer;
  const tooLate = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Waited ${ms} ms in vain: ${typeof what === "function" ? what() : what}`)),
      ms,
    );
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks `probe` again and again until it gives something truthy, and returns that. A throw counts as "not yet". */
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
    if (Date.now() > end) throw new Error(`Waited ${ms} ms in vain: ${what} (last answer: ${last})`);
    await pause(25);
  }
}

/**
 * Emits something to which `answered` is the answer, and again where `record` gets nothing at all for 5 s, as a client
 * must: Socket.IO delivers at most once, and what is sent while a session goes over to its websocket is lost now and then.
 */
export async function emitted(record, emit, answered) {
  const had = record.received.length;
  emit();
  const repeat = setInterval(() => record.received.length === had && emit(), 5000);
  try {
    return await answered;
  } finally {
    clearInterval(repeat);
  }
}

/** Undo actions, run newest first, each even when another fails. */
export class Scope {
  #undo = [];

  /** Registers the undo action of `thing` and returns `thing`. */
  defer(thing, undo) {
    this.#undo.push(() => undo(thing));
    return thing;
  }

  async close() {
    const failures = [];
    while (this.#undo.length > 0) {
      await Promise.resolve()
        .then(this.#undo.pop())
        .catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
