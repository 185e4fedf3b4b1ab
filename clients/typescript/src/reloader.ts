// Runs the application's `reload` handler, one call at a time.
import type { WatchHandlers } from "./watch.js";

export class Reloader {
  readonly #reload: WatchHandlers["reload"];
  /** The log's head when the server asked for the reload. Undefined for the first load. */
  readonly #seq: number | undefined;
  #running: AbortController | undefined;

  constructor(handlers: WatchHandlers, seq: number | undefined) {
    this.#reload = handlers.reload.bind(handlers);
    this.#seq = seq;
  }

  /** Starts a reload unless one is running. A reload that started on an earlier connection remains valid. */
  run(onLoaded: (seq: number) => void, onFailed: (error: unknown) => void): void {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    const settle = <T>(callback: (outcome: T) => void) => {
      return (outcome: T): void => {
        this.#running = undefined;
        if (!running.signal.aborted) callback(outcome);
      };
    };
    this.#callReload(running.signal).then(settle(onLoaded), settle(onFailed));
  }

  abort(): void {
    this.#running?.abort();
  }

  async #callReload(signal: AbortSignal): Promise<number> {
    const seq = await this.#reload({ seq: this.#seq, signal });
    if (!Number.isSafeInteger(seq) || seq < 0) {
      throw new TypeError(`reload must resolve to a seq, a non-negative integer, not ${String(seq)}`);
    }
    return seq;
  }
}
