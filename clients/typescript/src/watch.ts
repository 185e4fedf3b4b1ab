// Watching a vault, as the application sees it, and what a watch needs of the client it belongs to.
import type { Phase } from "./connection.js";
import type { JoinAck, ReplayedEvent, VaultEvent } from "./events.js";
import type { WatchState } from "./state.js";

export interface ReloadRequest {
  /** Position of the log at which the server asked for the reload; undefined at the start. */
  seq: number | undefined;
  /** Aborted when the watch is closed. */
  signal: AbortSignal;
}

export interface WatchHandlers {
  /** Each event once, in order, without a hole; until `reload` is called. */
  onEvent(event: VaultEvent): void;
  /**
   * The log cannot be continued: too much was missed, or the server's state is older than this client's. Forget what
   * `onEvent` said, read the vault's state anew, and resolve to the seq that state was read at: events go on after it.
   * A failure is tried again, except a `RestError` that says that there is no session or no access.
   */
  reload(request: ReloadRequest): Promise<number>;
  onState?(state: WatchState): void;
  /** An event that an operator sent again. It has been seen, or missed by no fault, before; it moves no position. */
  onReplay?(event: ReplayedEvent): void;
  /**
   * What is tried again: failures of `reload`, joins refused for the moment (`RefusedError`). And what other handlers
   * throw; without `onError` that is uncaught.
   */
  onError?(error: unknown): void;
}

export interface WatchOptions {
  /** Go on after this seq, such as that of a snapshot. Without it, begin with what happens from now on. */
  after?: number;
  /** Begin with a call of `reload`; `after` does not count then. */
  loadFirst?: boolean;
}

export interface WatchCounters {
  /** Events handed over. */
  events: number;
  /** Events that came again and were dropped. */
  duplicates: number;
  /** Times that something was missing and was asked for again. */
  gaps: number;
  /** Times that the server asked for a reload. */
  resyncs: number;
}

export interface Watch {
  readonly vaultId: string;
  /** The last event handed over or skipped; undefined before the first join. */
  readonly seq: number | undefined;
  readonly state: WatchState;
  readonly counters: Readonly<WatchCounters>;
  /** Ends it. No handler is called after the `onState` with `closed`. */
  close(): void;
}

/** The client, as a watch sees it. */
export interface Host {
  readonly joinTimeout: number;
  phase(): Phase;
  /** When the server last said anything, on the clock of `performance.now()`. */
  heardAt(): number;
  join(vaultId: string, after: number | undefined, answered: (answer: JoinAck) => void): void;
  leave(vaultId: string): void;
  restart(): void;
  sessionEnded(): void;
  forget(watch: Watch): void;
}
