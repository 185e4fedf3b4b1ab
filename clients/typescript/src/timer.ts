/** A timer with at most one pending callback. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;

  get pending(): boolean {
    return this.#handle !== undefined;
  }

  /** Calls `callback` after `ms` milliseconds, or at once if `ms` is 0 or less. Replaces a pending callback. */
  start(ms: number, callback: () => void): void {
    this.clear();
    if (ms <= 0) {
      callback();
      return;
    }
    this.#handle = setTimeout(() => {
      this.#handle = undefined;
      callback();
    }, ms);
  }

  /** Cancels the pending callback, if any. */
  clear(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}
