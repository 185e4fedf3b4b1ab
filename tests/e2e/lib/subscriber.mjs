// The official client, with a full record of everything it receives.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { emitUntilAnswered, recordUpgrades, withDeadline } from "./wait.mjs";

/** All event types of the log. */
export const EVENT_TYPES = [
  "vault:created",
  "vault:updated",
  "vault:deleted",
  "member:added",
  "member:updated",
  "member:removed",
  "source:created",
  "source:updated",
  "source:deleted",
];

export const vaultIdOf = (data) => data?.vaultId ?? data?.source?.vaultId;

export class Subscriber {
  /** Every event, oldest first: `{name, data, at}`. Includes `connect_error` and `disconnect`, whose data is a text. */
  received = [];
  /** The text of every received Socket.IO packet, as on the wire. */
  frames = [];
  #waiters = new Set();

  constructor(url, { cookie, headers = {}, ...options } = {}) {
    this.socket = io(url, {
      forceNew: true,
      autoConnect: false,
      reconnection: false,
      extraHeaders: { ...(cookie && { cookie }), ...headers },
      ...options,
    });
    recordUpgrades(this, this.socket);
    this.socket.io.on("open", () => {
      this.socket.io.engine.on("packet", ({ type, data }) => type === "message" && this.frames.push(data));
    });
    this.socket.onAny((name, data) => this.#record(name, data));
    this.socket.on("connect", () => this.#record("connect"));
    this.socket.on("connect_error", (error) => this.#record("connect_error", error.message));
    this.socket.on("disconnect", (reason) => this.#record("disconnect", reason));
    this.socket.connect();
  }

  /** Connects a client of the user of `rest`. */
  static async connect(server, rest, options = {}) {
    const subscriber = new Subscriber(server.url, { cookie: rest.cookie, ...options });
    const first = await subscriber.waitFor(
      ({ name }) => name === "connect" || name === "connect_error",
      "the connection",
    );
    assert.equal(first.name, "connect", `connected, not rejected: ${first.data}`);
    return subscriber;
  }

  #record(name, data) {
    this.received.push({ name, data, at: performance.now() });
    this.#waiters.forEach((check) => check());
  }

  close() {
    this.socket.disconnect();
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Waits for the first event from index `from` of the record on that `test` accepts; it may already be there. */
  waitFor(test, what, { from = 0, ms } = {}) {
    let check;
    const found = new Promise((resolve) => {
      check = () => {
        const hit = this.received.slice(from).find(test);
        if (hit) resolve(hit);
      };
      this.#waiters.add(check);
      check();
    });
    const describeReceived = () =>
      `${what}; received: ${JSON.stringify(this.received.slice(-30).map(({ name, data }) => [name, data?.seq ?? data]))}`;
    return withDeadline(found, describeReceived, ms).finally(() => this.#waiters.delete(check));
  }

  /** Waits for the next event with that name, or the first from index `from` on. Returns its data. */
  async next(name, from = this.received.length) {
    return (await this.waitFor((event) => event.name === name, name, { from })).data;
  }

  /** Waits for the vault's event with that seq. Returns its entry in the record. */
  awaitSeq(vaultId, seq) {
    return this.waitFor((event) => this.#isOf(vaultId, event) && event.data.seq === seq, `event ${seq} of ${vaultId}`);
  }

  #isOf(vaultId, { name, data }) {
    return EVENT_TYPES.includes(name) && vaultIdOf(data) === vaultId;
  }

  /** The received events of a vault's log. */
  eventsOf(vaultId) {
    return this.received.filter((event) => this.#isOf(vaultId, event));
  }

  seqsOf(vaultId) {
    return this.eventsOf(vaultId).map(({ data }) => data.seq);
  }

  /** Joins and returns the data of `vault:joined`. `request` is the vault's id or the object form. */
  async join(request) {
    const from = this.received.length;
    const answered = this.waitFor(({ name }) => name === "vault:joined" || name === "error", "vault:joined", { from });
    const answer = await emitUntilAnswered(this, () => this.socket.emit("vault:join", request), answered);
    assert.equal(answer.name, "vault:joined", `joined, not rejected: ${JSON.stringify(answer.data)}`);
    return answer.data;
  }

  async leave(vaultId) {
    const from = this.received.length;
    this.socket.emit("vault:leave", vaultId);
    return this.next("vault:left", from);
  }

  /** Emits with an acknowledgement and returns the acknowledgement. */
  emitWithAck(name, ...payload) {
    return withDeadline(
      new Promise((resolve) => this.socket.emit(name, ...payload, resolve)),
      `the acknowledgement of ${name}`,
    );
  }

  /** Emits without an acknowledgement and returns the data of the `error` event that follows. */
  async emitForError(name, ...payload) {
    const from = this.received.length;
    this.socket.emit(name, ...payload);
    return this.next("error", from);
  }
}

/** Asserts that `seqs` is exactly first, first + 1, … last (I3). */
export function assertContiguous(seqs, first, last, what) {
  const expected = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  assert.deepEqual(seqs, expected, what);
}
