// The official client for large numbers of events, or that comes back by itself and resumes, as a good client does.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { EventRecord } from "./event-record.mjs";
import { emitted, withDeadline } from "./wait.mjs";

/** Options of a client that comes back soon after it was cut off. */
export const RESUMING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

export class BulkSubscriber extends EventRecord {
  constructor(url, { cookie, ...options } = {}) {
    super();
    this.socket = io(url, {
      forceNew: true,
      autoConnect: false,
      reconnection: false,
      extraHeaders: cookie ? { cookie } : {},
      ...options,
    });
    this.socket.onAny((name, data) => this.add(name, data));
    this.socket.on("connect", () => this.add("connect", this.socket.id));
    this.socket.on("connect_error", (error) => this.add("connect_error", error.message));
    this.socket.on("disconnect", (reason) => this.add("disconnect", reason));
    this.socket.connect();
  }

  /** Connected, as the REST user `rest`. */
  static async connect(url, rest, options = {}) {
    const tally = new BulkSubscriber(url, { cookie: rest.cookie, ...options });
    try {
      // Refused is refused, unless the client is to try again.
      const refusal = () => !options.reconnection && tally.latest.connect_error;
      await tally.until(() => tally.socket.connected || refusal(), "the connection");
      assert.ok(tally.socket.connected, `connected, not refused: ${refusal()}`);
      return tally;
    } catch (error) {
      tally.close();
      throw error;
    }
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Emits with an acknowledgement and returns it. */
  emitWithAck(name, ...payload) {
    return withDeadline(
      new Promise((resolve) => this.socket.emit(name, ...payload, resolve)),
      `acknowledgement of ${name}`,
    );
  }

  /** Joins, and returns the data of `vault:joined`. */
  async join(vaultId, after, ms) {
    delete this.latest["vault:joined"];
    const joined = this.until(() => this.latest["vault:joined"], `vault:joined after ${after}`, ms);
    return emitted(this, () => this.socket.emit("vault:join", { vaultId, after }), joined);
  }

  /** From now on joins after the last event it has, at once and whenever it is connected again. */
  follow(vaultId, after) {
    const join = () => this.socket.emit("vault:join", { vaultId, after: this.lastSeq(vaultId) || after });
    if (this.socket.connected) join();
    this.socket.on("connect", join);
  }

  /** How many times it was cut off. */
  get disconnects() {
    return this.received.filter(({ name }) => name === "disconnect").length;
  }

  close() {
    this.socket.disconnect();
  }
}
