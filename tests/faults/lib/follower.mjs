// A subscriber: the client helper, over a link of its own, and a record of what was handed to the application.
import { createHash } from "node:crypto";
import { VaultClient } from "../../../clients/typescript/dist/index.js";

/** Ways to connect, each as options of socket.io-client. */
export const TRANSPORTS = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"], upgrade: false },
  upgraded: { transports: ["polling", "websocket"] },
};

/** What is compared of an event: its type, and its payload to the letter. */
export const digest = (type, payload) =>
  createHash("sha1")
    .update(`${type}\n${JSON.stringify(payload)}`)
    .digest("base64");

/** What one follower was handed of one vault, in order: events, and reloads that set the position anew. */
export class Record {
  /** `{event: true, seq, eventId, digest, at}` and `{event: false, seq, at}`, `at` by the clock of the machine. */
  entries = [];
  watch;

  constructor(name, vaultId, start) {
    this.name = name;
    this.vaultId = vaultId;
    /** The position it began after; undefined if it begins with a reload. */
    this.start = start;
    this.position = start;
  }

  event({ type, ...payload }) {
    this.entries.push({
      event: true,
      seq: payload.seq,
      eventId: payload.eventId,
      digest: digest(type, payload),
      at: Date.now(),
    });
    this.position = payload.seq;
  }

  reload(seq) {
    this.entries.push({ event: false, seq, at: Date.now() });
    this.position = seq;
  }

  /** Reloads after the first, if it began with one. */
  get resyncs() {
    return this.entries.filter(({ event }) => !event).length - (this.start === undefined ? 1 : 0);
  }
}

export class Follower {
  records = new Map();
  /** Sums over all clients it had, of what the helper counts. */
  counters = { duplicates: 0, gaps: 0, resyncs: 0 };
  /** What the suite's own handlers threw: defects of the suite. */
  errors = [];
  #client;
  #closed = false;

  /** `mayFollow(vaultId)` says whether it is a member now, as far as can be known from outside. */
  constructor({ name, transport, user, cookie, link, loadFirst = false, mayFollow = () => true, onChange = () => {} }) {
    Object.assign(this, { name, transport, user, cookie, link, loadFirst, mayFollow, onChange });
    this.#client = this.#connect();
  }

  #connect() {
    return new VaultClient(this.link.url, { headers: { cookie: this.cookie }, socket: TRANSPORTS[this.transport] });
  }

  /** Follows a vault from its first event on, or from where it is already. Does nothing if it does so already. */
  follow(vaultId, tap = []) {
    if (this.#closed) return;
    let record = this.records.get(vaultId);
    if (!record) {
      record = new Record(`${this.name} (${this.transport})`, vaultId, this.loadFirst ? undefined : 0);
      record.taps = tap;
      this.records.set(vaultId, record);
    }
    if (record.watch && !isOver(record.watch.state)) return;
    this.#count(record);
    const handlers = {
      onEvent: this.#guarded((event) => {
        for (const one of [record, ...record.taps]) one.event(event);
        this.onChange(record, event);
      }),
      reload: async ({ signal }) => {
        const { seq } = await this.#client.rest.snapshot(vaultId, signal);
        this.#guarded(() => [record, ...record.taps].forEach((one) => one.reload(seq)))();
        return seq;
      },
      onState: this.#guarded((state) => {
        this.onChange(record, undefined, state);
        if (isOver(state) && state.status !== "closed") this.#again(vaultId);
      }),
      // Of failed reloads, which are tried again: with servers and networks going away there must be some.
      onError: () => {},
    };
    const from = record.position === undefined ? { loadFirst: true } : { after: record.position };
    record.watch = this.#client.watch(vaultId, handlers, from);
  }

  #guarded(handler) {
    return (argument) => {
      try {
        handler(argument);
      } catch (error) {
        this.errors.push(error);
        throw error;
      }
    };
  }

  /** Removed or denied, by word that may be old: an application that knows better tries again. */
  #again(vaultId) {
    setTimeout(() => {
      if (this.mayFollow(vaultId)) this.follow(vaultId);
    }, 50).unref();
  }

  /** A new client, as after a restart of the application: only positions survive. */
  restart() {
    this.#closeClient();
    this.#client = this.#connect();
    for (const [vaultId, record] of this.records) {
      record.watch = undefined;
      if (this.mayFollow(vaultId)) this.follow(vaultId);
    }
  }

  /** How its connection stands, for messages. */
  get story() {
    const { engine } = this.#client.socket.io;
    const { id, readyState, transport, upgrading } = engine ?? {};
    const how = [readyState, transport?.name, upgrading && "upgrading"].filter(Boolean).join(", ");
    return `${this.link.connections} connections; session ${id} ${how}`;
  }

  close() {
    this.#closed = true;
    this.#closeClient();
  }

  #closeClient() {
    for (const record of this.records.values()) this.#count(record);
    this.#client.close();
  }

  #count(record) {
    for (const name of Object.keys(this.counters)) this.counters[name] += record.watch?.counters[name] ?? 0;
    record.watch = undefined;
  }
}

const isOver = ({ status }) => ["removed", "denied", "closed"].includes(status);
