// Folds events into a vault view: the vault, its members and its sources.
import type { Member, Source, VaultEvent, VaultInfo } from "./events.js";
import type { Snapshot } from "./rest-client.js";

export interface VaultView {
  vault: VaultInfo | undefined;
  /** By user id. */
  members: Map<string, Member>;
  /** By source id. */
  sources: Map<string, Source>;
  /** The seq of the last event that was folded in. */
  seq: number;
  deleted: boolean;
}

/** Returns the view before the first event. */
export function emptyView(): VaultView {
  return { vault: undefined, members: new Map(), sources: new Map(), seq: 0, deleted: false };
}

export function viewFromSnapshot(snapshot: Snapshot): VaultView {
  return {
    vault: snapshot.vault,
    members: new Map(snapshot.members.map((member) => [member.userId, member])),
    sources: new Map(snapshot.sources.map((source) => [source.id, source])),
    seq: snapshot.seq,
    deleted: false,
  };
}

/** Returns a copy of `view` with `events` folded in. */
export function fold(view: VaultView, events: Iterable<VaultEvent>): VaultView {
  const next = { ...view, members: new Map(view.members), sources: new Map(view.sources) };
  for (const event of events) applyEvent(next, event);
  return next;
}

/**
 * Folds one event into `view`, in place. A copy of a large vault for each event would dominate the cost.
 *
 * A snapshot that took several reads may already contain an event. The event then changes nothing, or takes the view
 * back to a state that later events, up to the end of those reads, correct.
 */
export function applyEvent(view: VaultView, event: VaultEvent): void {
  if (event.seq <= view.seq) return;
  view.seq = event.seq;
  switch (event.type) {
    case "source:created":
    case "source:updated": {
      const current = view.sources.get(event.source.id);
      if (current === undefined || current.version < event.source.version)
        view.sources.set(event.source.id, event.source);
      break;
    }
    case "source:deleted":
      view.sources.delete(event.sourceId);
      break;
    case "member:added":
    case "member:updated":
      view.members.set(event.member.userId, event.member);
      break;
    case "member:removed":
      view.members.delete(event.userId);
      break;
    case "vault:created":
      view.vault = event.vault;
      view.members.set(event.member.userId, event.member);
      break;
    case "vault:updated":
      view.vault = event.vault;
      break;
    case "vault:deleted":
      view.deleted = true;
      view.members.clear();
      view.sources.clear();
      break;
  }
}
