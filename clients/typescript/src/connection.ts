// Keeps one Socket.IO socket connected. socket.io-client detects lost connections and reconnects by itself. This module
// handles the cases that it leaves to the application:
// - socket.io-client gives up after `connect_error` from the server's middleware, and after a disconnect by the server.
//   Both conditions are temporary here, except a missing session, which ends the attempts.
// - A connection that is open but no longer answers is replaced (`restart`).
import type { Socket } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "./events.js";
import { Backoff, connectTimeout } from "./retry-policy.js";
import { Timer } from "./timer.js";

export type VaultSocket = Socket<ServerToClientEvents, ClientToServerEvents>;

export type ConnectionStatus = "disconnected" | "connected" | "session-ended" | "closed";

export interface ConnectionListener {
  onConnected(): void;
  /** Called with 0 when the connection is lost, then with the number of each attempt to reconnect. */
  onDisconnected(attempt: number): void;
  /** The server reports no session. No attempt follows until `resume`. */
  onSessionEnded(): void;
}

export class Connection {
  readonly #socket: VaultSocket;
  readonly #listener: ConnectionListener;
  readonly #owned: boolean;
  readonly #backoff = new Backoff({ min: 200, max: 1_000 });
  readonly #retryTimer = new Timer();
  #status: ConnectionStatus = "disconnected";
  #attempt = 0;

  /** `owned`: the client created the socket. It then configures the socket's manager, and disconnects it in `close`. */
  constructor(socket: VaultSocket, owned: boolean, listener: ConnectionListener) {
    this.#socket = socket;
    this.#owned = owned;
    this.#listener = listener;
    socket.on("connect", this.#onConnect);
    socket.on("disconnect", this.#onDisconnect);
    socket.on("connect_error", this.#onConnectError);
    socket.io.on("reconnect_attempt", this.#onReconnectAttempt);
    globalThis.addEventListener?.("online", this.#onOnline);
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Connects, or adopts a socket that is already connected. */
  start(): void {
    if (this.#socket.connected) this.#onConnect();
    else this.#socket.connect();
  }

  /** Reconnects after the session ended, or after the application disconnected the socket. */
  resume(): void {
    if (this.#status === "connected" || this.#status === "closed") return;
    this.#status = "disconnected";
    this.#attempt = 0;
    this.#listener.onDisconnected(0);
    this.#reopen();
  }

  /** Replaces the connection with a new one. */
  restart(): void {
    if (this.#status !== "connected" && this.#status !== "disconnected") return;
    this.#socket.disconnect();
    this.#reopen();
  }

  /** Disconnects and stops all attempts, because there is no session any more. */
  endSession(): void {
    if (this.#status === "session-ended" || this.#status === "closed") return;
    this.#status = "session-ended";
    this.#retryTimer.clear();
    this.#socket.disconnect();
    this.#listener.onSessionEnded();
  }

  close(): void {
    this.#status = "closed";
    this.#retryTimer.clear();
    this.#socket.off("connect", this.#onConnect);
    this.#socket.off("disconnect", this.#onDisconnect);
    this.#socket.off("connect_error", this.#onConnectError);
    this.#socket.io.off("reconnect_attempt", this.#onReconnectAttempt);
    globalThis.removeEventListener?.("online", this.#onOnline);
    if (this.#owned) this.#socket.disconnect();
  }

  #reopen(): void {
    this.#retryTimer.clear();
    this.#socket.connect();
  }

  readonly #onConnect = (): void => {
    this.#retryTimer.clear();
    this.#attempt = 0;
    this.#status = "connected";
    this.#listener.onConnected();
  };

  readonly #onDisconnect = (reason: string): void => {
    if (this.#status !== "connected") return;
    this.#status = "disconnected";
    this.#listener.onDisconnected(0);
    // "io client disconnect" is either `restart`, which connects again, or a request of the application.
    if (!this.#socket.active && reason !== "io client disconnect") this.#retryLater();
  };

  readonly #onConnectError = (error: Error): void => {
    // If the socket is active, no server answered, and socket.io-client retries by itself.
    if (this.#socket.active || this.#status === "closed") return;
    if (error.message === "UNAUTHORIZED") this.endSession();
    else this.#retryLater();
  };

  readonly #onReconnectAttempt = (attempt: number): void => {
    if (this.#owned) this.#socket.io.timeout(connectTimeout(attempt));
    this.#reportAttempt();
  };

  /** The network is back. A pending attempt or delay started without it, so a new attempt starts at once. */
  readonly #onOnline = (): void => {
    if (this.#status === "disconnected" && this.#socket.active) this.restart();
  };

  #retryLater(): void {
    this.#retryTimer.start(this.#backoff.next(), () => {
      this.#reportAttempt();
      this.#socket.connect();
    });
  }

  #reportAttempt(): void {
    if (this.#status === "disconnected") this.#listener.onDisconnected(++this.#attempt);
  }
}
