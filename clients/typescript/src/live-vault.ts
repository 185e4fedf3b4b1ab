// A vault that is kept up to date: loaded over REST, then updated by its events.
import type { VaultClient } from "./client.js";
import { callHandler } from "./dispatcher.js";
import type { Member, ReplayedEvent, Source, VaultEvent, VaultInfo } from "./events.js";
import { applyEvent, emptyView, type VaultView, viewFromSnapshot } from "./fold.js";
import type { ReloadRequest, Watch, WatchCounters, WatchHandlers } from "./watch.js";
import type { WatchState } from "./watch-state.js";

export interface LiveVaultHandlers extends Pick<WatchHandlers, "onState" | "onReplay" | "onError"> {
  /** Called after `event` changed the vault. Without an event, the vault was loaded, and anything may be different. */
  onChange?(vault: LiveVault, event?: VaultEvent): void;
}

export class LiveVault {
  readonly #handlers: LiveVaultHandlers;
  readonly #client: VaultClient;
  readonly #watch: Watch;
  #view: VaultView = emptyView();
  /** The view is consistent from this seq on. Before that, its parts come from different points of the log. */
  #consistentFrom = Infinity;

  constructor(client: VaultClient, vaultId: string, handlers: LiveVaultHandlers = {}) {
    this.#client = client;
    this.#handlers = handlers;
    this.#watch = client.watch(
      vaultId,
      {
        onEvent: (event) => this.#applyEvent(event),
        reload: (request) => this.#reload(request),
        onState: (state: WatchState) => handlers.onState?.(state),
        onReplay: (event: ReplayedEvent) => handlers.onReplay?.(event),
        // Bound only if there is a handler: without one, exceptions of other handlers must stay uncaught.
        ...(handlers.onError && { onError: handlers.onError.bind(handlers) }),
      },
      { loadFirst: true },
    );
  }

  get vaultId(): string {
    return this.#watch.vaultId;
  }

  /** Undefined until the vault is loaded. */
  get vault(): VaultInfo | undefined {
    return this.#view.vault;
  }

  /** By source id. The map stays the same object until the vault is loaded again. */
  get sources(): ReadonlyMap<string, Source> {
    return this.#view.sources;
  }

  /** By user id. */
  get members(): ReadonlyMap<string, Member> {
    return this.#view.members;
  }

  /** The seq of the last event that is included. */
  get seq(): number {
    return this.#view.seq;
  }

  get deleted(): boolean {
    return this.#view.deleted;
  }

  get state(): WatchState {
    return this.#watch.state;
  }

  get counters(): Readonly<WatchCounters> {
    return this.#watch.counters;
  }

  /** Stops updating. The last content stays readable. */
  close(): void {
    this.#watch.close();
  }

  async #reload({ signal }: ReloadRequest): Promise<number> {
    const snapshot = await this.#client.rest.snapshot(this.vaultId, signal);
    this.#view = viewFromSnapshot(snapshot);
    this.#consistentFrom = snapshot.headSeq;
    if (this.#isConsistent()) this.#notify();
    return snapshot.seq;
  }

  #applyEvent(event: VaultEvent): void {
    const wasConsistent = this.#isConsistent();
    applyEvent(this.#view, event);
    if (wasConsistent) this.#notify(event);
    else if (this.#isConsistent()) this.#notify();
  }

  #notify(event?: VaultEvent): void {
    // An exception of `onChange` must not count as a failed reload.
    callHandler(() => this.#handlers.onChange?.(this, event), this.#handlers);
  }

  #isConsistent(): boolean {
    return this.#view.seq >= this.#consistentFrom;
  }
}
