// A long list of rows of equal height. Only the visible rows exist in the document.
//
// New rows appear at the top. If the user has scrolled down, or points at or focuses the list, the visible rows stay in
// place: the list scrolls along and shows how many rows are new above.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { formatCount } from "../lib/format";
import { Icon } from "./icons";

/** Extra rows beyond the edges, so that a short scroll shows no gap and Tab finds the next row. */
const OVERSCAN = 6;

interface Props<T> {
  items: readonly T[];
  keyOf: (item: T) => string;
  /** The height of every row, in pixels. */
  rowHeight: number;
  label: string;
  class?: string;
  /** Shown if there are no items. */
  empty: ComponentChildren;
  children: (item: T) => ComponentChildren;
}

export function VirtualList<T>({ items, keyOf, rowHeight, label, class: extra = "", empty, children }: Props<T>) {
  const outer = useRef<HTMLDivElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [height, setHeight] = useState(600);
  /** Whether the pointer or the focus is inside the list. */
  const [engaged, setEngaged] = useState(false);
  /** Whether the user has scrolled down. */
  const [scrolledDown, setScrolledDown] = useState(false);
  const [, redraw] = useState(0);
  /** The scroll position, and the keys of the rows visible there, topmost first. */
  const viewport = useRef<Viewport>({ top: 0, keys: [] });
  /** The key of the first item when the top was last visible. */
  const lastSeenFirst = useRef<string | undefined>(undefined);
  const focused = useRef<Element | null>(null);

  const target = engaged || scrolledDown ? keepInPlace(viewport.current, items.map(keyOf), rowHeight) : 0;
  const top = Math.max(0, Math.min(target, items.length * rowHeight - height));
  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const visible = items.slice(first, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  const firstKey = items[0] === undefined ? undefined : keyOf(items[0]);
  if (top < rowHeight / 2) lastSeenFirst.current = firstKey;
  const newAbove =
    firstKey === lastSeenFirst.current ? 0 : items.findIndex((item) => keyOf(item) === lastSeenFirst.current);

  const recordViewport = (at: number): void => {
    const topmost = Math.floor(at / rowHeight);
    viewport.current = { top: at, keys: items.slice(topmost, topmost + Math.ceil(height / rowHeight) + 1).map(keyOf) };
  };
  const handleScroll = (): void => {
    const at = box.current?.scrollTop ?? 0;
    // Ignore scrolling by this component itself.
    if (Math.abs(at - viewport.current.top) < 1) return;
    recordViewport(at);
    setScrolledDown(at >= rowHeight / 2);
    redraw(at);
  };

  /** Checked one frame later: when a row under the pointer disappears, the pointer leaves and enters again at once. */
  const checkEngaged = (): void => {
    requestAnimationFrame(() => setEngaged(outer.current?.matches(":is(:hover, :focus-within)") ?? false));
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
    recordViewport(top);
    if (Math.abs(element.scrollTop - top) >= 1) element.scrollTop = top;
    // The focused row no longer exists, so the list gets the focus.
    if (focused.current?.isConnected === false && document.activeElement === document.body) {
      element.focus({ preventScroll: true });
    }
    focused.current = element.contains(document.activeElement) ? document.activeElement : null;
  });

  return (
    <div
      ref={outer}
      class={`relative min-h-0 ${extra}`}
      onPointerEnter={() => setEngaged(true)}
      onPointerLeave={checkEngaged}
      onFocusIn={() => setEngaged(true)}
      onFocusOut={checkEngaged}
    >
      <div
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
        tabIndex={0}
        role="group"
        aria-label={label}
        class="absolute inset-0 overflow-y-auto overscroll-contain [overflow-anchor:none] focus-visible:-outline-offset-2"
        onScroll={handleScroll}
      >
        {items.length === 0 ? (
          empty
        ) : (
          <ul class="relative" style={{ height: `${items.length * rowHeight}px` }}>
            {visible.map((item, i) => (
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
      {newAbove > 0 && (
        <button
          type="button"
          class="absolute top-2 left-1/2 flex h-7 -translate-x-1/2 items-center gap-1 rounded-full bg-accent-fill px-3 text-xs font-medium text-white shadow-lg hover:bg-accent-hover"
          onClick={() => {
            if (box.current) box.current.scrollTop = 0;
            // The scroll event would come only after the next frame.
            handleScroll();
            box.current?.focus({ preventScroll: true });
          }}
        >
          <Icon name="up" class="size-3.5" />
          {formatCount(newAbove, "new", "new")}
        </button>
      )}
    </div>
  );
}

interface Viewport {
  top: number;
  keys: string[];
}

/** Returns the scroll position that keeps the topmost visible row that still exists in place. */
function keepInPlace(viewport: Viewport, keys: readonly string[], rowHeight: number): number {
  for (const [i, key] of viewport.keys.entries()) {
    const index = keys.indexOf(key);
    if (index >= 0) return (index - i) * rowHeight + (viewport.top % rowHeight);
  }
  return viewport.top;
}
