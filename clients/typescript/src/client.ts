// One connection to a SyncScript server, and the vaults that are watched over it.
import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import { Connection, type Phase, type VaultSocket } from "./connection.js";
import type { JoinAck, ServerToClientEvents, VaultEvent, VaultEventPayloads, VaultEventType } from "./events.js";
import { VAULT_EVENT_TYPES, vaultIdOf } from "./names.js";
import { Rest, type RestOptions } from "./rest.js";
import { Subscription } from "./subscription.js";
import type { Host, Watch, WatchHandlers, WatchOptions } from "./watch.js";

export interface VaultClientOptions extends Pick<RestOptions, "fetch" | "headers"> {
  /** Where REST is, if not at the socket's URL; needed with a socket of the application's own on another origin. */
  baseUrl?: string;
  /** For socket.io-client; set over the defaults here. Not for a socket of the application's own. */
  socket?: Partial<ManagerOptions & SocketOptions>;
  /** Milliseconds of silence after which an unanswered join makes the client connect anew. Default 10 000. */
  joinTimeout?: number;
}

/**
 * Tuned to be live again within 2 s after the network returns: at most 1.2 s until the next attempt, since the factor
 * spreads the delay by half. Websockets come first, for they need one round trip less and no session affinity.
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
  /** The typed socket, for `source:created` and so on. Leave `vault:join` and `vault:leave` to the client. */
  readonly socket: VaultSocket;
  readonly rest: Rest;
  readonly #connection: Connection;
  readonly #watched = new Map<string, Subscription>();
  readonly #stopListening: (() => void)[] = [];
  readonly #host: Host;
  #heardAt = 0;

  /**
   * Connects at once. `target` is the server's origin, empty for that of the page, or a socket of the application's own,
   * which keeps its options. `headers` go with REST requests and, outside browsers, with the handshake: the cookie.
   */
  constructor(target: string | URL | VaultSocket = "", options: VaultClientOptions = {}) {
    const url = typeof target === "string" || target instanceof URL ? String(target) : undefined;
    const { headers, fetch, joinTimeout = 10_000, baseUrl = url ?? "" } = options;
    this.socket = url === undefined ? (target as VaultSocket) : open(url, options);
    this.rest = new Rest({ baseUrl, ...(fetch && { fetch }), ...(headers && { headers }) });
    this.#connection = new Connection(this.socket, url !== undefined, {
      up: () => this.#each((watch) => watch.up()),
      down: (attempt) => this.#each((watch) => watch.down(attempt)),
      ended: () => this.#each((watch) => watch.ended()),
    });
    this.#host = {
      joinTimeout,
      phase: () => this.#connection.phase,
      heardAt: () => this.#heardAt,
      join: (vaultId, after, answered) => this.#join(vaultId, after, answered),
      leave: (vaultId) => {
        if (this.phase === "up") this.socket.emit("vault:leave", vaultId);
      },
      restart: () => this.#connection.restart(),
      sessionEnded: () => this.#connection.end(),
      forget: (watch) => {
        if (this.#watched.get(watch.vaultId) === watch) this.#watched.delete(watch.vaultId);
      },
    };
    this.#listen();
    this.#connection.start();
  }

  get phase(): Phase {
    return this.#connection.phase;
  }

  /** Watches a vault. A vault is watched once per client: what it tells can be shared, its position cannot. */
  watch(vaultId: string, handlers: WatchHandlers, options: WatchOptions = {}): Watch {
    if (this.phase === "closed") throw new Error("This client is closed");
    // The server writes ids in lower case, and events are told apart by them.
    const id = vaultId.toLowerCase();
    if (this.#watched.has(id)) throw new Error(`Vault ${id} is watched already`);
    const watch = new Subscription(this.#host, id, handlers, options);
    this.#watched.set(id, watch);
    queueMicrotask(() => watch.begin());
    return watch;
  }

  /** Goes on after `session-ended`, once someone has signed in again. Does nothing while connected. */
  connect(): void {
    this.#connection.resume();
  }

  /** Ends all watches, and the connection unless the socket is the application's own. */
  close(): void {
    this.#each((watch) => watch.close());
    for (const stop of this.#stopListening) stop();
    this.socket.offAny(this.#heard);
    this.#connection.close();
  }

  #join(vaultId: string, after: number | undefined, answered: (answer: JoinAck) => void): void {
    this.socket.emit("vault:join", after === undefined ? vaultId : { vaultId, after }, (answer) => {
      this.#heard();
      answered(answer);
    });
  }

  #listen(): void {
    this.socket.onAny(this.#heard);
    for (const type of VAULT_EVENT_TYPES) this.#on(type, (payload: Payload) => this.#received(type, payload));
    this.#on("vault:joined", ({ vaultId, seq }) => this.#of(vaultId)?.joined(seq));
    this.#on("vault:resync", ({ vaultId, seq }) => this.#of(vaultId)?.resync(seq));
    this.#on("vault:left", ({ vaultId, reason }) => {
      // Without a reason it answers this client's own wish, and the vault may be watched again already.
      if (reason !== undefined) this.#of(vaultId)?.left(reason);
    });
  }

  #on<K extends keyof ServerToClientEvents>(name: K, listener: ServerToClientEvents[K]): void {
    // The socket's own signature wants to know which of the names it is.
    this.socket.on(name as never, listener as never);
    this.#stopListening.push(() => this.socket.off(name as never, listener as never));
  }

  #received(type: VaultEventType, payload: Payload): void {
    const event = { ...payload, type } as VaultEvent & { replay?: string };
    const { replay } = event;
    if (replay === undefined) this.#of(vaultIdOf(payload))?.receive(event);
    else this.#of(vaultIdOf(payload))?.replayed({ ...event, replay });
  }

  /**
   * Whom a message is for. Nobody while there is no connection: socket.io-client keeps what it read last of a lost
   * connection and tells it on the next one, where the join brings it again.
   */
  #of(vaultId: string): Subscription | undefined {
    return this.phase === "up" ? this.#watched.get(vaultId) : undefined;
  }

  #each(act: (watch: Subscription) => void): void {
    for (const watch of [...this.#watched.values()]) act(watch);
  }

  readonly #heard = (): void => {
    this.#heardAt = performance.now();
  };
}

function open(url: string, { headers, socket }: VaultClientOptions): VaultSocket {
  const options: Partial<ManagerOptions & SocketOptions> = {
    ...RECONNECTION,
    withCredentials: true,
    // A connection of its own, since it is replaced where the server does not answer.
    forceNew: true,
    ...(headers && { extraHeaders: headers }),
    ...socket,
    autoConnect: false,
  };
  return url === "" ? io(options) : io(url, options);
}
