// A socket whose server is controlled by the test, also in ways that a real server never shows.
import { EventEmitter } from "node:events";
import type { JoinAck, VaultEvent, VaultSocket } from "@syncscript/client";

export const VAULT = "7b1f3c2e-0000-4000-8000-000000000001";

/** Returns a minimal event of the log. */
export function event(seq: number, vaultId = VAULT): VaultEvent & { type: "source:deleted" } {
  const actor = { userId: "u", userName: "U", role: "owner" } as const;
  return { type: "source:deleted", sourceId: `s${seq}`, vaultId, actor, timestamp: "", seq, eventId: `e${seq}` };
}

export interface SentJoin {
  vaultId: string;
  after: number | undefined;
  ack: (answer: JoinAck) => void;
}

export class FakeSocket extends EventEmitter {
  connected = false;
  active = false;
  readonly io = new EventEmitter();
  /** Joins that the client sent, oldest first. */
  readonly joins: SentJoin[] = [];
  readonly left: string[] = [];
  /** Number of calls of `connect`. */
  connects = 0;
  /** Called by `connect`. By default, the connection succeeds at once. */
  onConnect: () => void = () => this.acceptConnection();
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
      this.joins.push({ vaultId, after, ack: args[1] as SentJoin["ack"] });
      return true;
    }
    if (name === "vault:leave") {
      this.left.push(args[0] as string);
      return true;
    }
    return super.emit(name, ...args);
  }

  // Actions of the server and the network ---------------------------------------------------------------------------

  acceptConnection(): void {
    this.connected = true;
    super.emit("connect");
  }

  /** The server's middleware rejects the connection. */
  rejectConnection(message: string): void {
    this.active = false;
    super.emit("connect_error", new Error(message));
  }

  /** The connection is lost. socket.io-client would retry by itself. */
  dropConnection(): void {
    this.#close("transport close");
  }

  /** The server disconnects the socket. socket.io-client gives up then. */
  disconnectByServer(): void {
    this.active = false;
    this.#close("io server disconnect");
  }

  emitFromServer(name: string, payload: object): void {
    for (const listener of this.#any) listener();
    super.emit(name, payload);
  }

  /** Delivers events with these seqs. */
  deliverEvents(...seqs: number[]): void {
    for (const seq of seqs) {
      const { type, ...payload } = event(seq);
      this.emitFromServer(type, payload);
    }
  }

  /** The most recent join. */
  get lastJoin(): SentJoin {
    const join = this.joins.at(-1);
    if (!join) throw new Error("The client has not sent a join");
    return join;
  }

  /** Answers the most recent join as the server does: with the event `vault:joined`, then with the acknowledgement. */
  acknowledgeJoin(seq: number): void {
    this.emitFromServer("vault:joined", { vaultId: VAULT, role: "viewer", seq });
    this.lastJoin.ack({ ok: true, vaultId: VAULT, role: "viewer", seq });
  }

  #close(reason: string): void {
    this.connected = false;
    super.emit("disconnect", reason);
  }
}
