// Reloads a vault through the application, one call at a time.
import type { WatchHandlers } from "./watch.js";

export class Reloading {
  readonly #reload: WatchHandlers["reload"];
  /** Position of the log when the server asked for it; undefined at the start. */
  readonly #seq: number | undefined;
  #running: AbortController | undefined;

  constructor(handlers: WatchHandlers, seq: number | undefined) {
    this.#reload = handlers.reload.bind(handlers);
    this.#seq = seq;
  }

  /** Begins, unless it is under way: what began on an earlier connection is as good. */
  run(done: (seq: number) => void, failed: (error: unknown) => void): void {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    const over = <T>(then: (outcome: T) => void) => {
      return (outcome: T): void => {
        this.#running = undefined;
        if (!running.signal.aborted) then(outcome);
      };
    };
    this.#once(running.signal).then(over(done), over(failed));
  }

  abort(): void {
    this.#running?.abort();
  }

  async #once(signal: AbortSignal): Promise<number> {
    const seq = await this.#reload({ seq: this.#seq, signal });
    if (!Number.isSafeInteger(seq) || seq < 0) throw new TypeError(`reload must return a seq, not ${String(seq)}`);
    return seq;
  }
}
