// Keeps one Socket.IO socket connected, also where socket.io-client by itself would not:
// - after `connect_error` from the server's middleware, and after a disconnect by the server, it gives up. Both pass
//   here, except that without a session there is no point in going on;
// - an open connection on which an answer never comes is replaced (`restart`).
// What socket.io-client does well, finding a connection lost and trying again, is left to it.
import type { Socket } from "socket.io-client";
import { Backoff, connectPatience, Wait } from "./backoff.js";
import type { ClientToServerEvents, ServerToClientEvents } from "./events.js";

export type VaultSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

export interface ConnectionListener {
  up(): void;
  /** Called with 0 when the connection is lost, and again with each attempt to get it back. */
  down(attempt: number): void;
  /** No session: nothing is tried until `resume`. */
  ended(): void;
}

export type Phase = "down" | "up" | "ended" | "closed";

export class Connection {
  readonly #socket: VaultSocket;
  readonly #listener: ConnectionListener;
  readonly #owned: boolean;
  readonly #backoff = new Backoff({ min: 200, max: 1_000 });
  readonly #retry = new Wait();
  #phase: Phase = "down";
  #attempt = 0;

  /** `owned`: the socket was made for this, so its manager may be set up and it is closed in the end. */
  constructor(socket: VaultSocket, owned: boolean, listener: ConnectionListener) {
    this.#socket = socket;
    this.#owned = owned;
    this.#listener = listener;
    socket.on("connect", this.#connected);
    socket.on("disconnect", this.#disconnected);
    socket.on("connect_error", this.#refused);
    socket.io.on("reconnect_attempt", this.#attempted);
    globalThis.addEventListener?.("online", this.#online);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Connects, or notices that the socket is connected. */
  start(): void {
    if (this.#socket.connected) this.#connected();
    else this.#socket.connect();
  }

  /** Takes up again after the session ended, or after the application disconnected the socket. */
  resume(): void {
    if (this.#phase === "up" || this.#phase === "closed") return;
    this.#phase = "down";
    this.#attempt = 0;
    this.#listener.down(0);
    this.#reopen();
  }

  /** Replaces the connection by a new one. */
  restart(): void {
    if (this.#phase !== "up" && this.#phase !== "down") return;
    this.#socket.disconnect();
    this.#reopen();
  }

  /** There is no session any more. */
  end(): void {
    if (this.#phase === "ended" || this.#phase === "closed") return;
    this.#phase = "ended";
    this.#retry.clear();
    this.#socket.disconnect();
    this.#listener.ended();
  }

  close(): void {
    this.#phase = "closed";
    this.#retry.clear();
    this.#socket.off("connect", this.#connected);
    this.#socket.off("disconnect", this.#disconnected);
    this.#socket.off("connect_error", this.#refused);
    this.#socket.io.off("reconnect_attempt", this.#attempted);
    globalThis.removeEventListener?.("online", this.#online);
    if (this.#owned) this.#socket.disconnect();
  }

  #reopen(): void {
    this.#retry.clear();
    this.#socket.connect();
  }

  readonly #connected = (): void => {
    this.#retry.clear();
    this.#attempt = 0;
    this.#phase = "up";
    this.#listener.up();
  };

  readonly #disconnected = (reason: string): void => {
    if (this.#phase !== "up") return;
    this.#phase = "down";
    this.#listener.down(0);
    // A disconnect by this side is either `restart`, which connects again, or the application's wish.
    if (!this.#socket.active && reason !== "io client disconnect") this.#tryLater();
  };

  readonly #refused = (error: Error): void => {
    // Active: no answer from a server, and socket.io-client tries again by itself.
    if (this.#socket.active || this.#phase === "closed") return;
    if (error.message === "UNAUTHORIZED") this.end();
    else this.#tryLater();
  };

  readonly #attempted = (attempt: number): void => {
    if (this.#owned) this.#socket.io.timeout(connectPatience(attempt));
    this.#attempting();
  };

  /** The network is back: whatever attempt or wait is under way began without it. */
  readonly #online = (): void => {
    if (this.#phase === "down" && this.#socket.active) this.restart();
  };

  #tryLater(): void {
    this.#retry.start(this.#backoff.next(), () => {
      this.#attempting();
      this.#socket.connect();
    });
  }

  #attempting(): void {
    if (this.#phase === "down") this.#listener.down(++this.#attempt);
  }
}
