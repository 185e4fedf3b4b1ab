// Calls the application's handlers of one watch, and holds the state last reported to them.
import type { ReplayedEvent, VaultEvent } from "./events.js";
import type { WatchHandlers } from "./watch.js";
import { isSameState, type WatchState } from "./watch-state.js";

export class Dispatcher {
  readonly #handlers: WatchHandlers;
  #state: WatchState = { status: "connecting" };
  #started = false;

  constructor(handlers: WatchHandlers) {
    this.#handlers = handlers;
  }

  get state(): WatchState {
    return this.#state;
  }

  /** Starts to report states, beginning with the current one. */
  start(): void {
    this.#started = true;
    this.#call(() => this.#handlers.onState?.(this.#state));
  }

  setState(state: WatchState): void {
    if (isSameState(this.#state, state)) return;
    this.#state = state;
    if (this.#started) this.#call(() => this.#handlers.onState?.(state));
  }

  dispatchEvent(event: VaultEvent): void {
    this.#call(() => this.#handlers.onEvent(event));
  }

  dispatchReplay(event: ReplayedEvent): void {
    this.#call(() => this.#handlers.onReplay?.(event));
  }

  /** Reports an error that the client retries. */
  reportError(error: unknown): void {
    queueMicrotask(() => this.#handlers.onError?.(error));
  }

  #call(handler: () => void): void {
    callHandler(handler, this.#handlers);
  }
}

/**
 * Calls a handler and catches what it throws. An exception must not reach socket.io, where it would stop the
 * connection's reader. It goes to `onError` or, without that handler, to the platform as an uncaught error.
 */
export function callHandler(handler: () => void, handlers: Pick<WatchHandlers, "onError">): void {
  try {
    handler();
  } catch (error) {
    queueMicrotask(() => {
      if (!handlers.onError) throw error;
      handlers.onError(error);
    });
  }
}
