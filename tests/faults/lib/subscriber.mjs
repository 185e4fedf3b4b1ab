// A subscriber: the TypeScript client behind its own proxy, and a record of what it delivered to the application.
import { createHash } from "node:crypto";
import { VaultClient } from "../../../clients/typescript/dist/index.js";

/** The transports, each as options of socket.io-client. */
export const TRANSPORTS = {
  websocket: { transports: ["websocket"] },
  polling: { transports: ["polling"], upgrade: false },
  upgraded: { transports: ["polling", "websocket"] },
};

/** A digest of an event's type and exact payload, used to compare events. */
export const digest = (type, payload) =>
  createHash("sha1")
    .update(`${type}\n${JSON.stringify(payload)}`)
    .digest("base64");

/** What one subscriber received from one vault, in order: events, and reloads, which set a new position. */
export class DeliveryRecord {
  /** `{event: true, seq, eventId, digest, at}` or `{event: false, seq, at}`; `at` is from `Date.now()`. */
  entries = [];
  watch;

  constructor(name, vaultId, start) {
    this.name = name;
    this.vaultId = vaultId;
    /** The position before the first event; undefined if the record starts with a reload. */
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

  /** The number of reloads, without the initial one. */
  get resyncs() {
    return this.entries.filter(({ event }) => !event).length - (this.start === undefined ? 1 : 0);
  }
}

export class Subscriber {
  records = new Map();
  /** Sums of the client's counters over all restarts. */
  counters = { duplicates: 0, gaps: 0, resyncs: 0 };
  /** Errors thrown by the suite's own handlers: defects of the suite. */
  errors = [];
  #client;
  #closed = false;

  /** `mayJoin(vaultId)` returns whether the user is currently a member, as far as the suite knows. */
  constructor({ name, transport, user, cookie, proxy, loadFirst = false, mayJoin = () => true, onChange = () => {} }) {
    Object.assign(this, { name, transport, user, cookie, proxy, loadFirst, mayJoin, onChange });
    this.#client = this.#connect();
  }

  #connect() {
    return new VaultClient(this.proxy.url, { headers: { cookie: this.cookie }, socket: TRANSPORTS[this.transport] });
  }

  /** Follows a vault from its first event, or from the last position. Does nothing if it already follows the vault. */
  follow(vaultId, extraRecords = []) {
    if (this.#closed) return;
    let record = this.records.get(vaultId);
    if (!record) {
      record = new DeliveryRecord(`${this.name} (${this.transport})`, vaultId, this.loadFirst ? undefined : 0);
      record.extraRecords = extraRecords;
      this.records.set(vaultId, record);
    }
    if (record.watch && !isEnded(record.watch.state)) return;
    this.#addCounters(record);
    const handlers = {
      onEvent: this.#guarded((event) => {
        for (const target of [record, ...record.extraRecords]) target.event(event);
        this.onChange(record, event);
      }),
      reload: async ({ signal }) => {
        const { seq } = await this.#client.rest.snapshot(vaultId, signal);
        this.#guarded(() => [record, ...record.extraRecords].forEach((one) => one.reload(seq)))();
        return seq;
      },
      onState: this.#guarded((state) => {
        this.onChange(record, undefined, state);
        if (isEnded(state) && state.status !== "closed") this.#followAgain(vaultId);
      }),
      // Failed reloads, which the client retries, are expected while servers and networks fail.
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

  /** The client was removed or denied, perhaps by outdated information: the application tries again if it knows better. */
  #followAgain(vaultId) {
    setTimeout(() => {
      if (this.mayJoin(vaultId)) this.follow(vaultId);
    }, 50).unref();
  }

  /** Replaces the client, as a restart of the application does: only the positions survive. */
  restart() {
    this.#closeClient();
    this.#client = this.#connect();
    for (const [vaultId, record] of this.records) {
      record.watch = undefined;
      if (this.mayJoin(vaultId)) this.follow(vaultId);
    }
  }

  /** A description of the connection, for messages. */
  get connectionState() {
    const { engine } = this.#client.socket.io;
    const { id, readyState, transport, upgrading } = engine ?? {};
    const engineState = [readyState, transport?.name, upgrading && "upgrading"].filter(Boolean).join(", ");
    return `${this.proxy.connections} connections; session ${id} ${engineState}`;
  }

  close() {
    this.#closed = true;
    this.#closeClient();
  }

  #closeClient() {
    for (const record of this.records.values()) this.#addCounters(record);
    this.#client.close();
  }

  #addCounters(record) {
    for (const name of Object.keys(this.counters)) this.counters[name] += record.watch?.counters[name] ?? 0;
    record.watch = undefined;
  }
}

const isEnded = ({ status }) => ["removed", "denied", "closed"].includes(status);
