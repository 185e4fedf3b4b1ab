// What a screen reader is told of others' changes: now and then, summed up. Every event by itself would drown all else.
import type { VaultEvent } from "@syncscript/client";
import { count, quoted } from "../lib/text";

/** Milliseconds between a change and its announcement, and between two announcements. */
const GATHER = 1_000;
const PAUSE = 6_000;

export class Announcer {
  readonly #userId: string;
  readonly #say: (text: string) => void;
  #events: VaultEvent[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #quietUntil = 0;

  constructor(userId: string, say: (text: string) => void) {
    this.#userId = userId;
    this.#say = say;
  }

  /** One's own changes are not announced: their forms tell of them. */
  add(event: VaultEvent): void {
    if (event.actor.userId === this.#userId) return;
    this.#events.push(event);
    this.#timer ??= setTimeout(() => this.#announce(), Math.max(GATHER, this.#quietUntil - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #announce(): void {
    const [first, ...others] = this.#events;
    this.#timer = undefined;
    this.#quietUntil = performance.now() + PAUSE;
    if (first) this.#say(others.length === 0 ? sentence(first) : summary(this.#events));
    this.#events = [];
  }
}

/** One event in words, such as: Vera Viewer added “A paper”. */
export function sentence(event: VaultEvent): string {
  const who = event.actor.userName;
  switch (event.type) {
    case "source:created":
      return `${who} added ${quoted(event.source.title)}`;
    case "source:updated":
      return `${who} changed ${quoted(event.source.title)}`;
    case "source:deleted":
      return `${who} removed a source`;
    case "member:added":
      return `${who} added ${event.member.userName} as ${event.member.role}`;
    case "member:updated":
      return `${who} made ${event.member.userName} ${event.member.role}`;
    case "member:removed":
      return event.userId === event.actor.userId ? `${who} left the vault` : `${who} removed a member`;
    case "vault:created":
      return `${who} created the vault`;
    case "vault:updated":
      return `${who} renamed the vault to ${quoted(event.vault.name)}`;
    case "vault:deleted":
      return `${who} deleted the vault`;
  }
}

function summary(events: readonly VaultEvent[]): string {
  const of = (type: VaultEvent["type"]): number => events.filter((event) => event.type === type).length;
  const parts = [
    [of("source:created"), "added"],
    [of("source:updated"), "changed"],
    [of("source:deleted"), "removed"],
  ] as const;
  const sources = parts.filter(([n]) => n > 0).map(([n, verb]) => `${count(n, "source")} ${verb}`);
  const rest = events.length - parts.reduce((sum, [n]) => sum + n, 0);
  return [...sources, ...(rest > 0 ? [`${count(rest, "other change")}`] : [])].join(", ");
}
