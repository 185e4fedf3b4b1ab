// A long list of rows of one height, of which only those in sight exist.
//
// New rows come in at the top. Where somebody reads, points or works further down, what they look at stays where it is:
// the list scrolls along, and says how much is new above.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { count } from "../lib/text";
import { Icon } from "./icons";

/** Rows beyond the edges, so that scrolling by a little shows no gap and Tab finds the next one. */
const BEYOND = 6;

interface Props<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  /** In pixels, of every row. */
  rowHeight: number;
  label: string;
  class?: string;
  /** Shown where there are no items. */
  empty: ComponentChildren;
  children: (item: T) => ComponentChildren;
}

export function VirtualList<T>({ items, keyOf, rowHeight, label, class: extra = "", empty, children }: Props<T>) {
  const outer = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(600);
  /** Somebody points at it, or has the focus in it. */
  const [held, setHeld] = useState(false);
  /** Somebody has scrolled down. */
  const [parked, setParked] = useState(false);
  const [, redraw] = useState(0);
  /** Where the list is scrolled to, and the rows in sight there, topmost first. */
  const sight = useRef<Sight>({ top: 0, keys: [] });
  /** The first item when the top was last in sight. */
  const newest = useRef<string | undefined>(undefined);
  const focused = useRef<Element | null>(null);

  const wanted = held || parked ? follow(sight.current, items.map(keyOf), rowHeight) : 0;
  const top = Math.max(0, Math.min(wanted, items.length * rowHeight - height));
  const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
  const shown = items.slice(first, Math.ceil((top + height) / rowHeight) + BEYOND);
  const firstKey = items[0] === undefined ? undefined : keyOf(items[0]);
  if (top < rowHeight / 2) newest.current = firstKey;
  const above = firstKey === newest.current ? 0 : items.findIndex((item) => keyOf(item) === newest.current);

  const look = (at: number): void => {
    const topmost = Math.floor(at / rowHeight);
    sight.current = { top: at, keys: items.slice(topmost, topmost + Math.ceil(height / rowHeight) + 1).map(keyOf) };
  };
  const scrolled = (): void => {
    const at = box.current?.scrollTop ?? 0;
    // What this component itself did is no wish of anybody.
    if (Math.abs(at - sight.current.top) < 1) return;
    look(at);
    setParked(at >= rowHeight / 2);
    redraw(at);
  };

  /** Looked at a frame later: a row that goes from under the pointer makes it leave, and enter again at once. */
  const letGo = (): void => {
    requestAnimationFrame(() => setHeld(outer.current?.matches(":is(:hover, :focus-within)") ?? false));
  };

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = new ResizeObserver(() => setHeight(element.clientHeight));
    measure.observe(element);
    setHeight(element.clientHeight);
    return () => measure.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    look(top);
    if (Math.abs(element.scrollTop - top) >= 1) element.scrollTop = top;
    // The row that had the focus is gone: its list is the next best place to go on from.
    if (focused.current?.isConnected === false && document.activeElement === document.body) {
      element.focus({ preventScroll: true });
    }
    focused.current = element.contains(document.activeElement) ? document.activeElement : null;
  });

  return (
    <div
      ref={outer}
      class={`relative min-h-0 ${extra}`}
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={letGo}
      onFocusIn={() => setHeld(true)}
      onFocusOut={letGo}
    >
      <div
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
        tabIndex={0}
        role="group"
        aria-label={label}
        class="absolute inset-0 overflow-y-auto overscroll-contain [overflow-anchor:none] focus-visible:-outline-offset-2"
        onScroll={scrolled}
      >
        {items.length === 0 ? (
          empty
        ) : (
          <ul class="relative" style={{ height: `${items.length * rowHeight}px` }}>
            {shown.map((item, i) => (
              <li
                key={keyOf(item)}
                aria-setsize={items.length}
                aria-posinset={first + i + 1}
                class="absolute inset-x-0 top-0 contain-strict"
                style={{ height: `${rowHeight}px`, transform: `translateY(${(first + i) * rowHeight}px)` }}
              >
                {children(item)}
              </li>
            ))}
          </ul>
        )}
      </div>
      {above > 0 && (
        <button
          type="button"
          class="absolute top-2 left-1/2 flex h-7 -translate-x-1/2 items-center gap-1 rounded-full bg-accent-fill px-3 text-xs font-medium text-white shadow-lg hover:bg-accent-hover"
          onClick={() => {
            if (box.current) box.current.scrollTop = 0;
            // Not left to the scroll event, which comes after the next drawing.
            scrolled();
            box.current?.focus({ preventScroll: true });
          }}
        >
          <Icon name="up" class="size-3.5" />
          {count(above, "new", "new")}
        </button>
      )}
    </div>
  );
}

interface Sight {
  top: number;
  keys: string[];
}

/** Where to scroll so that the topmost of the rows in sight which is still there stays in its place. */
function follow(sight: Sight, keys: readonly string[], rowHeight: number): number {
  for (const [i, key] of sight.keys.entries()) {
    const index = keys.indexOf(key);
    if (index >= 0) return (index - i) * rowHeight + (sight.top % rowHeight);
  }
  return sight.top;
}
