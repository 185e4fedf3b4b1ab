// One connection to a SyncScript server, and the vaults that are watched over it.
import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import { Connection, type ConnectionStatus, type VaultSocket } from "./connection.js";
import { VAULT_EVENT_TYPES, vaultIdOf } from "./event-types.js";
import type { JoinAck, ServerToClientEvents, VaultEvent, VaultEventPayloads, VaultEventType } from "./events.js";
import { RestClient, type RestClientOptions } from "./rest-client.js";
import { Subscription } from "./subscription.js";
import type { SubscriptionHost } from "./subscription-host.js";
import type { Watch, WatchHandlers, WatchOptions } from "./watch.js";

export interface VaultClientOptions extends Pick<RestClientOptions, "fetch" | "headers"> {
  /** Base URL of the REST API, if it differs from the socket's URL. Required with your own socket to another origin. */
  baseUrl?: string;
  /** Options for socket.io-client. They override the defaults of this client. Ignored with your own socket. */
  socket?: Partial<ManagerOptions & SocketOptions>;
  /** Milliseconds of silence after which an unanswered join makes the client reconnect. Default 10 000. */
  joinTimeout?: number;
}

/**
 * Tuned to be live again within 2 s after the network returns: the next attempt starts within 1.2 s, because the factor
 * spreads the delay by half. WebSocket comes first because it needs one round trip less and no session affinity.
 */
const RECONNECTION = {
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnectionDelay: 200,
  reconnectionDelayMax: 800,
  randomizationFactor: 0.5,
  timeout: 5_000,
};

type Payload = VaultEventPayloads[VaultEventType];

export class VaultClient {
  /** The typed socket, for `source:created` and so on. Do not send `vault:join` and `vault:leave` yourself. */
  readonly socket: VaultSocket;
  readonly rest: RestClient;
  readonly #connection: Connection;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #removeListeners: (() => void)[] = [];
  readonly #host: SubscriptionHost;
  #lastActivityAt = 0;

  /**
   * Connects at once. `target` is the server's origin (empty for the page's own origin) or your own socket, which keeps
   * its options. `headers`, such as the cookie, go with REST requests and, outside browsers, with the handshake.
   */
  constructor(target: string | URL | VaultSocket = "", options: VaultClientOptions = {}) {
    const url = typeof target === "string" || target instanceof URL ? String(target) : undefined;
    const { headers, fetch, joinTimeout = 10_000, baseUrl = url ?? "" } = options;
    this.socket = url === undefined ? (target as VaultSocket) : openSocket(url, options);
    this.rest = new RestClient({ baseUrl, ...(fetch && { fetch }), ...(headers && { headers }) });
    this.#connection = new Connection(this.socket, url !== undefined, {
      onConnected: () => this.#forEachSubscription((subscription) => subscription.onConnected()),
      onDisconnected: (attempt) => this.#forEachSubscription((subscription) => subscription.onDisconnected(attempt)),
      onSessionEnded: () => this.#forEachSubscription((subscription) => subscription.onSessionEnded()),
    });
    this.#host = {
      joinTimeout,
      connectionStatus: () => this.#connection.status,
      lastActivityAt: () => this.#lastActivityAt,
      sendJoin: (vaultId, after, onAck) => this.#sendJoin(vaultId, after, onAck),
      sendLeave: (vaultId) => {
        if (this.connectionStatus === "connected") this.socket.emit("vault:leave", vaultId);
      },
      restartConnection: () => this.#connection.restart(),
      endSession: () => this.#connection.endSession(),
      remove: (subscription) => {
        if (this.#subscriptions.get(subscription.vaultId) === subscription) {
          this.#subscriptions.delete(subscription.vaultId);
        }
      },
    };
    this.#addListeners();
    this.#connection.start();
  }

  get connectionStatus(): ConnectionStatus {
    return this.#connection.status;
  }

  /**
   * Watches a vault. Throws if this client watches the vault already, because a watch has exactly one position in the
   * log, and if the client is closed.
   */
  watch(vaultId: string, handlers: WatchHandlers, options: WatchOptions = {}): Watch {
    if (this.connectionStatus === "closed") throw new Error("The client is closed: create a new VaultClient");
    // The server writes ids in lower case, and events are matched to subscriptions by id.
    const id = vaultId.toLowerCase();
    if (this.#subscriptions.has(id)) {
      throw new Error(`Vault ${id} is already watched by this client: close the other watch first`);
    }
    const subscription = new Subscription(this.#host, id, handlers, options);
    this.#subscriptions.set(id, subscription);
    queueMicrotask(() => subscription.start());
    return subscription;
  }

  /** Connects again after `session-ended`, once the user has signed in. Does nothing while connected. */
  connect(): void {
    this.#connection.resume();
  }

  /** Closes all watches, and the connection unless the socket is your own. */
  close(): void {
    this.#forEachSubscription((subscription) => subscription.close());
    for (const remove of this.#removeListeners) remove();
    this.socket.offAny(this.#recordActivity);
    this.#connection.close();
  }

  #sendJoin(vaultId: string, after: number | undefined, onAck: (ack: JoinAck) => void): void {
    this.socket.emit("vault:join", after === undefined ? vaultId : { vaultId, after }, (ack) => {
      this.#recordActivity();
      onAck(ack);
    });
  }

  #addListeners(): void {
    this.socket.onAny(this.#recordActivity);
    for (const type of VAULT_EVENT_TYPES) this.#on(type, (payload: Payload) => this.#dispatch(type, payload));
    this.#on("vault:joined", ({ vaultId, seq }) => this.#subscription(vaultId)?.onJoined(seq));
    this.#on("vault:resync", ({ vaultId, seq }) => this.#subscription(vaultId)?.onResync(seq));
    this.#on("vault:left", ({ vaultId, reason }) => {
      // Without a reason, the event answers `vault:leave` of this client, and the vault may already be watched again.
      if (reason !== undefined) this.#subscription(vaultId)?.onLeft(reason);
    });
  }

  #on<K extends keyof ServerToClientEvents>(name: K, listener: ServerToClientEvents[K]): void {
    // The socket's own signature needs a single literal name, not a union of names.
    this.socket.on(name as never, listener as never);
    this.#removeListeners.push(() => this.socket.off(name as never, listener as never));
  }

  #dispatch(type: VaultEventType, payload: Payload): void {
    const event = { ...payload, type } as VaultEvent & { replay?: string };
    const subscription = this.#subscription(vaultIdOf(payload));
    const { replay } = event;
    if (replay === undefined) subscription?.onEvent(event);
    else subscription?.onReplay({ ...event, replay });
  }

  /**
   * Returns the subscription to a vault, or undefined while disconnected. socket.io-client keeps the last messages of a
   * lost connection and emits them on the next one, where the join delivers them again.
   */
  #subscription(vaultId: string): Subscription | undefined {
    return this.connectionStatus === "connected" ? this.#subscriptions.get(vaultId) : undefined;
  }

  #forEachSubscription(act: (subscription: Subscription) => void): void {
    for (const subscription of [...this.#subscriptions.values()]) act(subscription);
  }

  readonly #recordActivity = (): void => {
    this.#lastActivityAt = performance.now();
  };
}

function openSocket(url: string, { headers, socket }: VaultClientOptions): VaultSocket {
  const options: Partial<ManagerOptions & SocketOptions> = {
    ...RECONNECTION,
    withCredentials: true,
    // A connection of its own, because this client replaces it when the server does not answer.
    forceNew: true,
    ...(headers && { extraHeaders: headers }),
    ...socket,
    autoConnect: false,
  };
  return url === "" ? io(options) : io(url, options);
}
