// Announces changes by other users to screen readers. Announcements are collected and summarized, because one for every
// event would drown everything else.
import type { VaultEvent } from "@syncscript/client";
import { formatCount, quote } from "../lib/format";

/** Delay between a change and its announcement. */
const COLLECT_MS = 1_000;
/** Minimum interval between two announcements. */
const INTERVAL_MS = 6_000;

export class Announcer {
  readonly #userId: string;
  readonly #announce: (text: string) => void;
  #events: VaultEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quietUntil = 0;

  constructor(userId: string, announce: (text: string) => void) {
    this.#userId = userId;
    this.#announce = announce;
  }

  /** Adds an event. The user's own changes are skipped, because their forms report them. */
  add(event: VaultEvent): void {
    if (event.actor.userId === this.#userId) return;
    this.#events.push(event);
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(COLLECT_MS, this.#quietUntil - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    const [first, ...others] = this.#events;
    this.#timer = undefined;
    this.#quietUntil = performance.now() + INTERVAL_MS;
    if (first) this.#announce(others.length === 0 ? describeEvent(first) : summarizeEvents(this.#events));
    this.#events = [];
  }
}

/** Describes one event, for example: Vera Viewer added “A paper”. */
export function describeEvent(event: VaultEvent): string {
  const actor = event.actor.userName;
  switch (event.type) {
    case "source:created":
      return `${actor} added ${quote(event.source.title)}`;
    case "source:updated":
      return `${actor} changed ${quote(event.source.title)}`;
    case "source:deleted":
      return `${actor} removed a source`;
    case "member:added":
      return `${actor} added ${event.member.userName} as ${event.member.role}`;
    case "member:updated":
      return `${actor} changed the role of ${event.member.userName} to ${event.member.role}`;
    case "member:removed":
      return event.userId === event.actor.userId ? `${actor} left the vault` : `${actor} removed a member`;
    case "vault:created":
      return `${actor} created the vault`;
    case "vault:updated":
      return `${actor} renamed the vault to ${quote(event.vault.name)}`;
    case "vault:deleted":
      return `${actor} deleted the vault`;
  }
}

function summarizeEvents(events: readonly VaultEvent[]): string {
  const countOf = (type: VaultEvent["type"]): number => events.filter((event) => event.type === type).length;
  const parts = [
    [countOf("source:created"), "added"],
    [countOf("source:updated"), "changed"],
    [countOf("source:deleted"), "removed"],
  ] as const;
  const sources = parts.filter(([n]) => n > 0).map(([n, verb]) => `${formatCount(n, "source")} ${verb}`);
  const rest = events.length - parts.reduce((sum, [n]) => sum + n, 0);
  return [...sources, ...(rest > 0 ? [formatCount(rest, "other change")] : [])].join(", ");
}
