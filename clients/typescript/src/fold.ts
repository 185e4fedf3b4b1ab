// Events folded into what they tell of: the vault, its members and its sources.
import type { Member, Source, VaultEvent, VaultInfo } from "./events.js";
import type { Snapshot } from "./rest.js";

export interface VaultView {
  vault: VaultInfo | undefined;
  /** By user id. */
  members: Map<string, Member>;
  /** By source id. */
  sources: Map<string, Source>;
  /** The last event that was folded in. */
  seq: number;
  deleted: boolean;
}

/** What there is before the first event. */
export function emptyView(): VaultView {
  return { vault: undefined, members: new Map(), sources: new Map(), seq: 0, deleted: false };
}

export function viewOf(snapshot: Snapshot): VaultView {
  return {
    vault: snapshot.vault,
    members: new Map(snapshot.members.map((member) => [member.userId, member])),
    sources: new Map(snapshot.sources.map((source) => [source.id, source])),
    seq: snapshot.seq,
    deleted: false,
  };
}

/** `view` with `events` folded in; `view` itself stays as it is. */
export function fold(view: VaultView, events: Iterable<VaultEvent>): VaultView {
  const next = { ...view, members: new Map(view.members), sources: new Map(view.sources) };
  for (const event of events) apply(next, event);
  return next;
}

/**
 * Folds one event into `view`, in place: copying a large vault for each of many events would take longer than all else.
 *
 * An event may be contained already, in a snapshot that took several reads. Then it changes nothing, or takes the view
 * back to a state that the events up to the end of those reads lead out of again.
 */
export function apply(view: VaultView, event: VaultEvent): void {
  if (event.seq <= view.seq) return;
  view.seq = event.seq;
  switch (event.type) {
    case "source:created":
    case "source:updated": {
      const known = view.sources.get(event.source.id);
      if (known === undefined || known.version < event.source.version) view.sources.set(event.source.id, event.source);
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
