// A socket whose server does what a test says: also what a real one never would.
import { EventEmitter } from "node:events";
import type { JoinAck, VaultEvent, VaultSocket } from "@syncscript/client";

export const VAULT = "7b1f3c2e-0000-4000-8000-000000000001";

/** An event of the log, as small as types allow. */
export function event(seq: number, vaultId = VAULT): VaultEvent & { type: "source:deleted" } {
  const actor = { userId: "u", userName: "U", role: "owner" } as const;
  return { type: "source:deleted", sourceId: `s${seq}`, vaultId, actor, timestamp: "", seq, eventId: `e${seq}` };
}

export interface AskedJoin {
  vaultId: string;
  after: number | undefined;
  ack: (answer: JoinAck) => void;
}

export class FakeSocket extends EventEmitter {
  connected = false;
  active = false;
  readonly io = new EventEmitter();
  /** Joins that the client asked for, oldest first. */
  readonly joins: AskedJoin[] = [];
  readonly left: string[] = [];
  /** Calls of `connect`. */
  connects = 0;
  /** Answers a `connect`; by default the connection is there at once. */
  onConnect: () => void = () => this.open();
  #any: (() => void)[] = [];

  get asSocket(): VaultSocket {
    return this as unknown as VaultSocket;
  }

  connect(): this {
    this.connects++;
    this.active = true;
    this.onConnect();
    return this;
  }

  disconnect(): this {
    this.active = false;
    if (this.connected) this.#close("io client disconnect");
    return this;
  }

  onAny(listener: () => void): this {
    this.#any.push(listener);
    return this;
  }

  offAny(listener: () => void): this {
    this.#any = this.#any.filter((other) => other !== listener);
    return this;
  }

  override emit(name: string, ...args: unknown[]): boolean {
    if (name === "vault:join") {
      const request = args[0] as string | { vaultId: string; after?: number };
      const { vaultId, after } = typeof request === "string" ? { vaultId: request } : request;
      this.joins.push({ vaultId, after, ack: args[1] as AskedJoin["ack"] });
      return true;
    }
    if (name === "vault:leave") {
      this.left.push(args[0] as string);
      return true;
    }
    return super.emit(name, ...args);
  }

  // What a server and a network do -----------------------------------------------------------------------------------

  open(): void {
    this.connected = true;
    super.emit("connect");
  }

  /** The server refuses the connection, by its middleware. */
  refuse(message: string): void {
    this.active = false;
    super.emit("connect_error", new Error(message));
  }

  /** The connection is lost; socket.io-client would try again by itself. */
  lose(): void {
    this.#close("transport close");
  }

  /** The server disconnects the socket, upon which socket.io-client gives up. */
  kick(): void {
    this.active = false;
    this.#close("io server disconnect");
  }

  says(name: string, payload: object): void {
    for (const listener of this.#any) listener();
    super.emit(name, payload);
  }

  /** Delivers events of these seqs. */
  deliver(...seqs: number[]): void {
    for (const seq of seqs) {
      const { type, ...payload } = event(seq);
      this.says(type, payload);
    }
  }

  /** The newest join. */
  get join(): AskedJoin {
    const join = this.joins.at(-1);
    if (!join) throw new Error("The client has not asked to join");
    return join;
  }

  /** Answers the newest join, as the server does: first to all, then to the asker. */
  admit(seq: number): void {
    this.says("vault:joined", { vaultId: VAULT, role: "viewer", seq });
    this.join.ack({ ok: true, vaultId: VAULT, role: "viewer", seq });
  }

  #close(reason: string): void {
    this.connected = false;
    super.emit("disconnect", reason);
  }
}
