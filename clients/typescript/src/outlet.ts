// Calls the application's handlers of one watch, and keeps the state they have been told.
import type { ReplayedEvent, VaultEvent } from "./events.js";
import { sameState, type WatchState } from "./state.js";
import type { WatchHandlers } from "./watch.js";

export class Outlet {
  readonly #handlers: WatchHandlers;
  #state: WatchState = { status: "connecting" };
  #open = false;

  constructor(handlers: WatchHandlers) {
    this.#handlers = handlers;
  }

  get state(): WatchState {
    return this.#state;
  }

  /** From now on the application hears of states; of the present one at once. */
  open(): void {
    this.#open = true;
    this.#call(() => this.#handlers.onState?.(this.#state));
  }

  become(state: WatchState): void {
    if (sameState(this.#state, state)) return;
    this.#state = state;
    if (this.#open) this.#call(() => this.#handlers.onState?.(state));
  }

  event(event: VaultEvent): void {
    this.#call(() => this.#handlers.onEvent(event));
  }

  replay(event: ReplayedEvent): void {
    this.#call(() => this.#handlers.onReplay?.(event));
  }

  /** Tells of a failure that is dealt with. */
  failure(error: unknown): void {
    queueMicrotask(() => this.#handlers.onError?.(error));
  }

  #call(handler: () => void): void {
    guarded(handler, this.#handlers);
  }
}

/**
 * Runs a handler. What it throws must not reach socket.io, where it would end the reading of the connection: it goes to
 * `onError` or, as an uncaught error, to the platform.
 */
export function guarded(handler: () => void, handlers: Pick<WatchHandlers, "onError">): void {
  try {
    handler();
  } catch (error) {
    queueMicrotask(() => {
      if (!handlers.onError) throw error;
      handlers.onError(error);
    });
  }
}
