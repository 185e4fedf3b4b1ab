// The interface of a watched vault.
import type { ReplayedEvent, VaultEvent } from "./events.js";
import type { WatchState } from "./watch-state.js";

export interface ReloadRequest {
  /** The log's head when the server asked for the reload. Undefined for the first load. */
  seq: number | undefined;
  /** Aborted when the watch is closed. */
  signal: AbortSignal;
}

export interface WatchHandlers {
  /** Receives each event once, in order and without a gap, until `reload` is called. */
  onEvent(event: VaultEvent): void;
  /**
   * Called when the log cannot be continued: this client missed too much, or the server's state is older than the
   * client's. Discard what `onEvent` delivered, load the vault's current state, and resolve to the seq of that state.
   * Events continue after that seq. A failed reload is retried, unless it throws a `RestError` that reports a missing
   * session or missing access.
   */
  reload(request: ReloadRequest): Promise<number>;
  onState?(state: WatchState): void;
  /** Receives an event that an operator sent again. It does not move the position. */
  onReplay?(event: ReplayedEvent): void;
  /**
   * Receives errors that are retried: failures of `reload`, and joins that the server rejects temporarily
   * (`RefusedError`). Also receives what other handlers throw; without `onError`, such an error is uncaught.
   */
  onError?(error: unknown): void;
}

export interface WatchOptions {
  /** Start after this seq, for example that of a snapshot. By default, start with the next event. */
  after?: number;
  /** Start with a call of `reload`, and ignore `after`. */
  loadFirst?: boolean;
}

export interface WatchCounters {
  /** Events delivered to `onEvent`. */
  events: number;
  /** Events that arrived again and were dropped. */
  duplicates: number;
  /** Times that events were missing and were requested again. */
  gaps: number;
  /** Times that the server asked for a reload. */
  resyncs: number;
}

export interface Watch {
  readonly vaultId: string;
  /** The position: the last event delivered or skipped. Undefined before the first join. */
  readonly seq: number | undefined;
  readonly state: WatchState;
  readonly counters: Readonly<WatchCounters>;
  /** Stops watching. `onState` with `closed` is the last call of a handler. */
  close(): void;
}
