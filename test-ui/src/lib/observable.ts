// Something that changes, and components that show it.
import { useLayoutEffect, useState } from "preact/hooks";
import { perFrame } from "./frame";

export class Observable {
  readonly #listeners = new Set<() => void>();

  /** Tells the listeners, once per frame: events come faster than anybody can look. */
  protected readonly changed = perFrame(() => {
    for (const listener of [...this.#listeners]) listener();
  });

  /** Returns what ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Has the component drawn again whenever `observable` changes. */
export function useObservable<T extends Observable>(observable: T): T {
  const [, redraw] = useState({});
  // Before anything else happens, so that no change is missed.
  useLayoutEffect(() => observable.subscribe(() => redraw({})), [observable]);
  return observable;
}
