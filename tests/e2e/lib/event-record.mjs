// What a client received, kept so that tens of thousands of events cost little, and so that tests can await more.
import assert from "node:assert/strict";
import { EVENT_TYPES, vaultIdOf } from "./subscriber.mjs";
import { withDeadline } from "./wait.mjs";

const LOGGED = new Set(EVENT_TYPES);

export class EventRecord {
  /** Every event, oldest first: `{name, data}`. */
  received = [];
  /** The latest data of each name. */
  latest = {};
  #logs = new Map();
  #waiters = new Set();

  add(name, data) {
    this.received.push({ name, data });
    this.latest[name] = data;
    if (LOGGED.has(name)) this.eventsOf(vaultIdOf(data)).push({ type: name, seq: data.seq, eventId: data.eventId });
    this.#waiters.forEach((check) => check());
  }

  /** The events of a vault's log: `{type, seq, eventId}`. */
  of(vaultId) {
    if (!this.#logs.has(vaultId)) this.#logs.set(vaultId, []);
    return this.#logs.get(vaultId);
  }

  /** The seq of the last event of the vault, or 0. */
  last(vaultId) {
    return this.eventsOf(vaultId).at(-1)?.seq ?? 0;
  }

  /** Waits until `condition()` is truthy, and returns that. It is asked after each event, so it must be cheap. */
  until(condition, what, ms) {
    let check;
    const met = new Promise((resolve) => {
      check = () => {
        const value = condition();
        if (value) resolve(value);
      };
      this.#waiters.add(check);
      check();
    });
    return withDeadline(met, () => `${what}; received last: ${this.story(15)}`, ms).finally(() =>
      this.#waiters.delete(check),
    );
  }

  /** The last events, for messages: those of a log by their seq. */
  story(count = this.received.length) {
    const told = this.received.slice(-count).map(({ name, data }) => (LOGGED.has(name) ? data.seq : [name, data]));
    return JSON.stringify(told);
  }
}

/** Asserts that `events` is exactly the vault's log from `first` to `last`: each once, in order, and the very events. */
export async function assertMatchesLog(database, vaultId, events, first, last, what = "what was received") {
  const log = await database.log(vaultId);
  assertEventsEqual(events, log.slice(first - 1, last), what);
  assert.equal(events.length, Math.max(0, last - first + 1), `${what}: as many as from ${first} to ${last}`);
}

/** The same, with the rows of the log at hand. */
export function assertEventsEqual(events, rows, what) {
  const seqs = (list) => list.map(({ seq }) => seq);
  if (JSON.stringify(seqs(events)) !== JSON.stringify(seqs(rows))) {
    // Not deepEqual on the whole: thousands of lines of difference help nobody.
    const at = rows.findIndex(({ seq }, i) => events[i]?.seq !== seq);
    const near = (list) => JSON.stringify(seqs(list.slice(Math.max(0, at - 3), at + 5)));
    assert.fail(
      `${what}: ${events.length} events instead of ${rows.length}; at position ${at} ${near(events)} instead of ${near(rows)}`,
    );
  }
  for (const [i, { event_id, type }] of rows.entries()) {
    assert.deepEqual([events[i].type, events[i].eventId], [type, event_id], `${what}: seq ${rows[i].seq}`);
  }
}
