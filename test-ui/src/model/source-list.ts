// The sources as the page lists them: each with its last author and a highlight for a recent change. A removed source
// stays listed while its highlight lasts, so that users see the removal.
import type { Actor, Source, VaultEvent } from "@syncscript/client";

/** Duration of a highlight. */
export const HIGHLIGHT_MS = 4_000;

export type HighlightKind = "added" | "changed" | "removed";

export interface Highlight {
  kind: HighlightKind;
  /** On the clock of `performance.now()`. */
  until: number;
}

/** Who last wrote a source, and when. */
export interface Author {
  actor: Actor;
  writtenAt: string;
}

export interface SourceEntry {
  source: Source;
  author?: Author;
  highlight?: Highlight;
}

export class SourceList {
  /** By source id, oldest first: a map keeps the order of insertion, and sources arrive in the order of creation. */
  readonly #entries = new Map<string, SourceEntry>();
  readonly #highlighted = new Set<string>();

  get entries(): ReadonlyMap<string, SourceEntry> {
    return this.#entries;
  }

  /** The number of sources, without the removed ones that are still listed. */
  count = 0;

  /** Replaces all sources. Keeps the author of each source whose version did not change. */
  reset(sources: Iterable<Source>): void {
    const previous = new Map(this.#entries);
    this.#entries.clear();
    this.#highlighted.clear();
    for (const source of sources) {
      const entry = previous.get(source.id);
      const author = entry?.source.version === source.version ? entry.author : undefined;
      this.#entries.set(source.id, { source, ...(author && { author }) });
    }
    this.count = this.#entries.size;
  }

  applyEvent(event: VaultEvent, now: number): void {
    switch (event.type) {
      case "source:created":
      case "source:updated": {
        const { source } = event;
        const entry = this.#entries.get(source.id);
        if (entry && entry.highlight?.kind !== "removed" && entry.source.version >= source.version) return;
        if (!entry || entry.highlight?.kind === "removed") this.count++;
        this.#put(source, event, event.type === "source:created" ? "added" : "changed", now);
        break;
      }
      case "source:deleted": {
        const entry = this.#entries.get(event.sourceId);
        if (!entry || entry.highlight?.kind === "removed") return;
        this.count--;
        this.#put(entry.source, event, "removed", now);
        break;
      }
      case "vault:deleted":
        this.reset([]);
        break;
    }
  }

  /** Fills in missing authors from earlier events. */
  assignAuthors(events: readonly VaultEvent[]): void {
    for (const event of events) {
      if (event.type !== "source:created" && event.type !== "source:updated") continue;
      const entry = this.#entries.get(event.source.id);
      if (!entry || entry.author || entry.source.version !== event.source.version) continue;
      entry.author = { actor: event.actor, writtenAt: event.timestamp };
    }
  }

  /** Removes expired highlights. Returns true if anything changed. */
  removeExpired(now: number): boolean {
    let changed = false;
    for (const id of this.#highlighted) {
      const entry = this.#entries.get(id);
      if (entry?.highlight && entry.highlight.until > now) continue;
      changed = true;
      this.#highlighted.delete(id);
      if (entry?.highlight?.kind === "removed") this.#entries.delete(id);
      else if (entry) delete entry.highlight;
    }
    return changed;
  }

  get hasHighlights(): boolean {
    return this.#highlighted.size > 0;
  }

  #put(source: Source, event: VaultEvent, kind: HighlightKind, now: number): void {
    this.#entries.set(source.id, {
      source,
      author: { actor: event.actor, writtenAt: event.timestamp },
      highlight: { kind, until: now + HIGHLIGHT_MS },
    });
    this.#highlighted.add(source.id);
  }
}
