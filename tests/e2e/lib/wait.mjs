// Waiting for a condition, with a deadline. Tests never wait for a fixed time.
import { AssertionError } from "node:assert";
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

/**
 * Calls `probe` until it returns a truthy value, and returns that value. An error of `probe` is final, unless
 * `isTransient(error)` says that it is expected for a while. A failed assertion is always final.
 */
export async function eventually(probe, what, ms = WAIT_TIMEOUT_MS, isTransient = () => false) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      if (error instanceof AssertionError || !isTransient(error)) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`Timed out after ${ms} ms: ${what} (last result: ${last})`);
    await pause(25);
  }
}

const LOST_CONNECTION = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** Whether `fetch` failed because the connection was refused or broke. */
export const isConnectionLost = (error) => LOST_CONNECTION.has(error.cause?.code);

/** How long before a message the upgrade may have happened that explains the loss of the message, in milliseconds. */
const UPGRADE_MARGIN_MS = 1000;

/**
 * Calls `emit` and waits for `answered`. Socket.IO delivers at most once, and a message sent during the upgrade to a
 * websocket is sometimes lost. If nothing arrived for `repeatAfter` ms and `record.upgradedAt` shows that the transport
 * changed around the emit, calls `emit` again, as a client must, and counts it in `record.repeats`. Without an upgrade the
 * message must not be lost: it is not repeated, and `answered` fails at its deadline.
 */
export async function emitUntilAnswered(record, emit, answered, repeatAfter = 5000) {
  const receivedBefore = record.received.length;
  let emittedAt = performance.now();
  emit();
  const repeat = setInterval(() => {
    if (record.received.length !== receivedBefore) return;
    if (!(record.upgradedAt > emittedAt - UPGRADE_MARGIN_MS)) return;
    record.repeats++;
    console.error(`A message was lost during the upgrade to a websocket; repeat ${record.repeats}`);
    emittedAt = performance.now();
    emit();
  }, repeatAfter);
  try {
    return await answered;
  } finally {
    clearInterval(repeat);
  }
}

/** Sets `record.upgradedAt` when a connection of `socket` that began by polling changes to a websocket. */
export function recordUpgrades(record, socket) {
  record.repeats = 0;
  socket.io.on("open", () => {
    record.upgradedAt = undefined;
    socket.io.engine.on("upgrade", () => {
      record.upgradedAt = performance.now();
    });
  });
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
