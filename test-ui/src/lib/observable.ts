// Observable models, and the hook that redraws a component when its model changes.
import { useLayoutEffect, useState } from "preact/hooks";
import { throttleToFrames } from "./frame-throttle";

export class Observable {
  readonly #listeners = new Set<() => void>();

  /** Notifies the listeners, at most once per frame, because events arrive faster than anyone can read. */
  protected readonly notify = throttleToFrames(() => {
    for (const listener of [...this.#listeners]) listener();
  });

  /** Adds a listener. Returns the function that removes it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Redraws the component whenever `observable` changes. */
export function useObservable<T extends Observable>(observable: T): T {
  const [, redraw] = useState({});
  // A layout effect runs before any other callback, so no change is missed.
  useLayoutEffect(() => observable.subscribe(() => redraw({})), [observable]);
  return observable;
}
