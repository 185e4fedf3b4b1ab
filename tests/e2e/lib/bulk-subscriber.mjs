// The official client with a compact record, for large numbers of events. It can reconnect and resume by itself.
import assert from "node:assert/strict";
import { io } from "socket.io-client";
import { EventRecord } from "./event-record.mjs";
import { emitUntilAnswered, recordUpgrades, withDeadline } from "./wait.mjs";

/** Options of a client that reconnects quickly. */
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
    recordUpgrades(this, this.socket);
    this.socket.onAny((name, data) => this.add(name, data));
    this.socket.on("connect", () => this.add("connect", this.socket.id));
    this.socket.on("connect_error", (error) => this.add("connect_error", error.message));
    this.socket.on("disconnect", (reason) => this.add("disconnect", reason));
    this.socket.connect();
  }

  /** Connects a client of the user of `rest`. */
  static async connect(url, rest, options = {}) {
    const client = new BulkSubscriber(url, { cookie: rest.cookie, ...options });
    try {
      // A rejection is final, unless the client reconnects.
      const rejection = () => !options.reconnection && client.latest.connect_error;
      await client.until(() => client.socket.connected || rejection(), "the connection");
      assert.ok(client.socket.connected, `connected, not rejected: ${rejection()}`);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Emits with an acknowledgement and returns the acknowledgement. */
  emitWithAck(name, ...payload) {
    return withDeadline(
      new Promise((resolve) => this.socket.emit(name, ...payload, resolve)),
      `the acknowledgement of ${name}`,
    );
  }

  /** Joins and returns the data of `vault:joined`. */
  async join(vaultId, after, ms) {
    delete this.latest["vault:joined"];
    const joined = this.until(() => this.latest["vault:joined"], `vault:joined after ${after}`, ms);
    return emitUntilAnswered(this, () => this.socket.emit("vault:join", { vaultId, after }), joined);
  }

  /** Joins after its last event, now and on every reconnection. */
  follow(vaultId, after) {
    const join = () => this.socket.emit("vault:join", { vaultId, after: this.lastSeq(vaultId) || after });
    if (this.socket.connected) join();
    this.socket.on("connect", join);
  }

  /** The number of disconnections. */
  get disconnects() {
    return this.received.filter(({ name }) => name === "disconnect").length;
  }

  close() {
    this.socket.disconnect();
  }
}
