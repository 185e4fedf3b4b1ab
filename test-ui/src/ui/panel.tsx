import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface PanelProps {
  title: string;
  /** Shown next to the title. */
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}

/** A titled section of a page, and a landmark region for screen readers. */
export function Panel({ title, aside, class: extra = "", children }: PanelProps) {
  const heading = useId();
  return (
    <section aria-labelledby={heading} class={`flex min-w-0 flex-col rounded-xl border border-line bg-panel ${extra}`}>
      <header class="flex min-h-12 items-center justify-between gap-3 px-4 pt-2">
        <h2 id={heading} class="text-sm font-semibold">
          {title}
        </h2>
        {aside}
      </header>
      {children}
    </section>
  );
}
