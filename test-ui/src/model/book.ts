// The sources as the list shows them: what there is, who wrote it last, and what just happened to it. A source that was
// removed stays for a moment, so that its end can be seen.
import type { Actor, Source, VaultEvent } from "@syncscript/client";

/** Milliseconds for which a change is pointed out. */
export const MARKED_FOR = 4_000;

export type MarkKind = "added" | "changed" | "removed";

export interface Mark {
  kind: MarkKind;
  until: number;
}

/** Who wrote a source last, and when. */
export interface By {
  actor: Actor;
  at: string;
}

export interface Entry {
  source: Source;
  by?: By;
  mark?: Mark;
}

export class Book {
  /** By source id, oldest first: the order of a map is that of insertion, and sources come in the order of creation. */
  readonly #entries = new Map<string, Entry>();
  #marked = new Set<string>();

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** How many there are, without those that are only shown as removed. */
  count = 0;

  /** Begins anew from what was loaded. Who wrote what is kept where it still holds. */
  reset(sources: Iterable<Source>): void {
    const known = new Map(this.#entries);
    this.#entries.clear();
    this.#marked.clear();
    for (const source of sources) {
      const before = known.get(source.id);
      const by = before?.source.version === source.version ? before.by : undefined;
      this.#entries.set(source.id, { source, ...(by && { by }) });
    }
    this.count = this.#entries.size;
  }

  /** Follows an event. */
  apply(event: VaultEvent, now: number): void {
    switch (event.type) {
      case "source:created":
      case "source:updated": {
        const { source } = event;
        const before = this.#entries.get(source.id);
        if (before && before.mark?.kind !== "removed" && before.source.version >= source.version) return;
        if (!before || before.mark?.kind === "removed") this.count++;
        this.#put(source, event, event.type === "source:created" ? "added" : "changed", now);
        break;
      }
      case "source:deleted": {
        const entry = this.#entries.get(event.sourceId);
        if (!entry || entry.mark?.kind === "removed") return;
        this.count--;
        this.#put(entry.source, event, "removed", now);
        break;
      }
      case "vault:deleted":
        this.reset([]);
        break;
    }
  }

  /** Learns who wrote what, from events of before. */
  attribute(events: readonly VaultEvent[]): void {
    for (const event of events) {
      if (event.type !== "source:created" && event.type !== "source:updated") continue;
      const entry = this.#entries.get(event.source.id);
      if (!entry || entry.by || entry.source.version !== event.source.version) continue;
      entry.by = { actor: event.actor, at: event.timestamp };
    }
  }

  /** Takes marks off whose time is over. True if that changed anything. */
  expire(now: number): boolean {
    let changed = false;
    for (const id of this.#marked) {
      const entry = this.#entries.get(id);
      if (entry?.mark && entry.mark.until > now) continue;
      changed = true;
      this.#marked.delete(id);
      if (entry?.mark?.kind === "removed") this.#entries.delete(id);
      else if (entry) delete entry.mark;
    }
    return changed;
  }

  get hasMarks(): boolean {
    return this.#marked.size > 0;
  }

  #put(source: Source, event: VaultEvent, kind: MarkKind, now: number): void {
    this.#entries.set(source.id, {
      source,
      by: { actor: event.actor, at: event.timestamp },
      mark: { kind, until: now + MARKED_FOR },
    });
    this.#marked.add(source.id);
  }
}
