// A vault as it is, kept up to date: loaded by REST, then carried on by its events.
import type { VaultClient } from "./client.js";
import type { Member, ReplayedEvent, Source, VaultEvent, VaultInfo } from "./events.js";
import { apply, emptyView, type VaultView, viewOf } from "./fold.js";
import { guarded } from "./outlet.js";
import type { WatchState } from "./state.js";
import type { ReloadRequest, Watch, WatchCounters, WatchHandlers } from "./watch.js";

export interface LiveVaultHandlers extends Pick<WatchHandlers, "onState" | "onReplay" | "onError"> {
  /** The vault is another now, by this event; without one, all of it may be, since it was loaded. */
  onChange?(vault: LiveVault, event?: VaultEvent): void;
}

export class LiveVault {
  readonly #handlers: LiveVaultHandlers;
  readonly #client: VaultClient;
  readonly #watch: Watch;
  #view: VaultView = emptyView();
  /** The view is whole from this seq on; before it, what was loaded and what events tell are of different moments. */
  #wholeAt = Infinity;

  constructor(client: VaultClient, vaultId: string, handlers: LiveVaultHandlers = {}) {
    this.#client = client;
    this.#handlers = handlers;
    this.#watch = client.watch(
      vaultId,
      {
        onEvent: (event) => this.#event(event),
        reload: (request) => this.#reload(request),
        onState: (state: WatchState) => handlers.onState?.(state),
        onReplay: (event: ReplayedEvent) => handlers.onReplay?.(event),
        // Bound only if there is one: without it, what a handler throws is not to be lost.
        ...(handlers.onError && { onError: handlers.onError.bind(handlers) }),
      },
      { loadFirst: true },
    );
  }

  get vaultId(): string {
    return this.#watch.vaultId;
  }

  /** Undefined until it is loaded. */
  get vault(): VaultInfo | undefined {
    return this.#view.vault;
  }

  /** By id. The same map all along, until the vault is loaded anew. */
  get sources(): ReadonlyMap<string, Source> {
    return this.#view.sources;
  }

  /** By user id. */
  get members(): ReadonlyMap<string, Member> {
    return this.#view.members;
  }

  /** The vault is as of this event. */
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

  /** Ends it; what was there last stays readable. */
  close(): void {
    this.#watch.close();
  }

  async #reload({ signal }: ReloadRequest): Promise<number> {
    const snapshot = await this.#client.rest.snapshot(this.vaultId, signal);
    this.#view = viewOf(snapshot);
    this.#wholeAt = snapshot.upto;
    if (this.#isWhole()) this.#changed();
    return snapshot.seq;
  }

  #event(event: VaultEvent): void {
    const wasWhole = this.#isWhole();
    apply(this.#view, event);
    if (wasWhole) this.#changed(event);
    else if (this.#isWhole()) this.#changed();
  }

  #changed(event?: VaultEvent): void {
    // Guarded, so that its failure does not pass for one of the reload.
    guarded(() => this.#handlers.onChange?.(this, event), this.#handlers);
  }

  #isWhole(): boolean {
    return this.#view.seq >= this.#wholeAt;
  }
}
