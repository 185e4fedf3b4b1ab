// The icons. All are decorative: the button's label carries the meaning.

const PATHS = {
  pencil: "M4 20h4L19 9l-4-4L4 16v4zM13.5 6.5l4 4",
  bin: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  up: "M12 19V5M6 11l6-6 6 6",
  panes: "M3 5h18v14H3zM12 5v14",
  people:
    "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14.2a6.5 6.5 0 0 1 3.5 5.8",
  cross: "M6 6l12 12M18 6L6 18",
  back: "M14 6l-6 6 6 6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, class: extra = "size-4" }: { name: IconName; class?: string }) {
  return (
    <svg class={`shrink-0 ${extra}`} viewBox="0 0 24 24" fill="none" aria-hidden="true">
      <path d={PATHS[name]} stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export function Logo({ class: extra = "size-8" }: { class?: string }) {
  return (
    <svg class={`shrink-0 ${extra}`} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" class="fill-accent-fill" />
      <path d="M9 11h14M9 16h14M9 21h8" stroke="#fff" stroke-width="2.5" stroke-linecap="round" />
      <circle cx="22.5" cy="21" r="2.5" fill="#fff" />
    </svg>
  );
}
