// A record of what a client received. It stays small with tens of thousands of events, and tests can wait for more.
import assert from "node:assert/strict";
import { EVENT_TYPES, vaultIdOf } from "./subscriber.mjs";
import { withDeadline } from "./wait.mjs";

const LOGGED = new Set(EVENT_TYPES);

export class EventRecord {
  /** Every event, oldest first: `{name, data, at}`. */
  received = [];
  /** The latest data of each event name. */
  latest = {};
  #logs = new Map();
  #waiters = new Set();

  add(name, data) {
    this.received.push({ name, data, at: performance.now() });
    this.latest[name] = data;
    if (LOGGED.has(name)) this.eventsOf(vaultIdOf(data)).push({ type: name, seq: data.seq, eventId: data.eventId });
    this.#waiters.forEach((check) => check());
  }

  /** The received events of a vault's log: `{type, seq, eventId}`. */
  eventsOf(vaultId) {
    if (!this.#logs.has(vaultId)) this.#logs.set(vaultId, []);
    return this.#logs.get(vaultId);
  }

  /** The seq of the vault's last received event, or 0. */
  lastSeq(vaultId) {
    return this.eventsOf(vaultId).at(-1)?.seq ?? 0;
  }

  /** Waits until `condition()` is truthy and returns its value. The condition runs after each event, so it must be cheap. */
  until(condition, what, ms) {
    let check;
    const result = new Promise((resolve) => {
      check = () => {
        const value = condition();
        if (value) resolve(value);
      };
      this.#waiters.add(check);
      check();
    });
    return withDeadline(result, () => `${what}; received last: ${this.summarize(15)}`, ms).finally(() =>
      this.#waiters.delete(check),
    );
  }

  /** A short text with the last events, for messages. Log events appear as their seq. */
  summarize(count = this.received.length) {
    const entries = this.received.slice(-count).map(({ name, data }) => (LOGGED.has(name) ? data.seq : [name, data]));
    return JSON.stringify(entries);
  }
}

/** Asserts that `events` are exactly the vault's log from `first` to `last`, each once and in order. */
export async function assertMatchesLog(database, vaultId, events, first, last, what = "the received events") {
  const log = await database.log(vaultId);
  assertEventsEqual(events, log.slice(first - 1, last), what);
  assert.equal(events.length, Math.max(0, last - first + 1), `${what}: the number of events from ${first} to ${last}`);
}

/** Asserts that `events` are exactly these rows of the log. */
export function assertEventsEqual(events, rows, what) {
  const seqs = (list) => list.map(({ seq }) => seq);
  if (JSON.stringify(seqs(events)) !== JSON.stringify(seqs(rows))) {
    // deepEqual would print thousands of differing lines.
    const at = rows.findIndex(({ seq }, i) => events[i]?.seq !== seq);
    const excerpt = (list) => JSON.stringify(seqs(list.slice(Math.max(0, at - 3), at + 5)));
    assert.fail(
      `${what}: ${events.length} events instead of ${rows.length}; at position ${at} ${excerpt(events)} instead of ${excerpt(rows)}`,
    );
  }
  for (const [i, { event_id, type }] of rows.entries()) {
    assert.deepEqual([events[i].type, events[i].eventId], [type, event_id], `${what}: seq ${rows[i].seq}`);
  }
}
