// Generated from the types of the server, as GET /api/asyncapi.json has them; do not edit.
// To bring it up to date: SYNCSCRIPT_UPDATE=1 cargo test --test api typescript

/** Who made a change, with the name and role of that moment. */
export interface Actor {
  /** The user's role in the vault. */
  role: Role;
  /** The user. */
  userId: string;
  /** The user's name. */
  userName: string;
}

/** The error that a client gets with `connect_error`. */
export interface ConnectError {
  /** Sign in first; the database is unavailable, try again; this user has too many sockets. */
  message: "UNAUTHORIZED" | "UNAVAILABLE" | "TOO_MANY_SOCKETS";
}

/** The socket is in the vault's room. */
export interface Joined {
  /** The user's role in the vault. */
  role: Role;
  /** The last event that was sent or skipped: the next event is `seq + 1`. */
  seq: number;
  /** The vault. */
  vaultId: string;
}

/** The socket has left the vault's room. */
export interface Left {
  /** Why. Absent in the answer to `vault:leave`. */
  reason?: Revocation;
  /** The vault. */
  vaultId: string;
}

/** A member, as events tell of it: without an address, since the log is for ever. */
export interface Member {
  /** Since when. */
  createdAt: string;
  /** What the member may do. */
  role: Role;
  /** The user. */
  userId: string;
  /** The user's name. */
  userName: string;
}

/** A user became a member. */
export interface MemberAdded {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** The new member. */
  member: Member;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** The vault's id. */
  vaultId: string;
}

/** A membership ended. The user concerned hears `vault:left` instead. */
export interface MemberRemoved {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** Who is no member any more. */
  userId: string;
  /** The vault's id. */
  vaultId: string;
}

/** A member has another role. */
export interface MemberUpdated {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** The member as it is now. */
  member: Member;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** The vault's id. */
  vaultId: string;
}

/** An event of the client was rejected. `code` is for programs, and the same as over REST. */
export interface Refusal {
  /** The error's code. */
  code: string;
  /** What is wrong, and what to do. */
  message: string;
  /** The vault that the rejected event named. */
  vaultId?: string;
}

/** The events after `after` are not available: load the vault again. */
export interface Resync {
  /** The position to continue from. */
  seq: number;
  /** The vault. */
  vaultId: string;
}

/** Why a user who could read a vault no longer can. */
export type Revocation = "membership-revoked" | "vault-deleted";

/** A member's role. Owners manage the vault and its members, contributors change sources, viewers read. */
export type Role = "owner" | "contributor" | "viewer";

/** A source, in the same shape as in events. */
export interface Source {
  /** When it was created. */
  createdAt: string;
  /** Where its file is. */
  fileUrl: string;
  /** The source's id. */
  id: string;
  /** Its title. */
  title: string;
  /** When it was last changed. */
  updatedAt: string;
  /** The vault it is in. */
  vaultId: string;
  /** How often it was written. */
  version: number;
}

/** A source was added. */
export interface SourceCreated {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** The source. */
  source: Source;
  /** When. */
  timestamp: string;
}

/** A source was deleted. */
export interface SourceDeleted {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** The source's id. */
  sourceId: string;
  /** When. */
  timestamp: string;
  /** The vault it was in. */
  vaultId: string;
}

/** A source was changed. */
export interface SourceUpdated {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** The source as it is now. */
  source: Source;
  /** When. */
  timestamp: string;
}

/** A vault was created: the first event of every log. */
export interface VaultCreated {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Its owner. */
  member: Member;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** The vault. */
  vault: VaultInfo;
  /** The vault's id. */
  vaultId: string;
}

/** A vault was deleted: the last event of its log. */
export interface VaultDeleted {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** The vault's id. */
  vaultId: string;
}

/** A vault, as events tell of it. */
export interface VaultInfo {
  /** When it was created. */
  createdAt: string;
  /** The vault's id. */
  id: string;
  /** Its name. */
  name: string;
  /** When its name last changed. */
  updatedAt: string;
}

/** A vault: its id, either alone or in an object. */
export type VaultRef = string | { after?: number; vaultId: string; };

/** A vault has a new name. */
export interface VaultUpdated {
  /** Who did it. */
  actor: Actor;
  /** Names the event for ever. */
  eventId: string;
  /** Only in an event that an operator sent again: the replay's id. Such an event moves no position. */
  replay?: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** When. */
  timestamp: string;
  /** The vault as it is now. */
  vault: VaultInfo;
  /** The vault's id. */
  vaultId: string;
}

/** How `source:created` is acknowledged. */
export type SourceCreatedAck = { ok: true; seq: number; source: Source; } | { code: string; message: string; ok: false; vaultId?: string; };

/** How `source:deleted` is acknowledged. */
export type SourceDeletedAck = { ok: true; seq: number; sourceId: string; vaultId: string; } | { code: string; message: string; ok: false; vaultId?: string; };

/** How `source:updated` is acknowledged. */
export type SourceUpdatedAck = { ok: true; seq: number; source: Source; } | { code: string; message: string; ok: false; vaultId?: string; };

/** How `vault:join` is acknowledged. */
export type VaultJoinAck = { ok: true; } & (Joined | { left: Revocation; vaultId: string; }) | { code: string; message: string; ok: false; vaultId?: string; };

/** How `vault:leave` is acknowledged. */
export type VaultLeaveAck = { ok: true; reason?: Revocation; vaultId: string; } | { code: string; message: string; ok: false; vaultId?: string; };

/** The events of a vault's log, and what each carries. */
export interface VaultEventPayloads {
  "member:added": MemberAdded;
  "member:removed": MemberRemoved;
  "member:updated": MemberUpdated;
  "source:created": SourceCreated;
  "source:deleted": SourceDeleted;
  "source:updated": SourceUpdated;
  "vault:created": VaultCreated;
  "vault:deleted": VaultDeleted;
  "vault:updated": VaultUpdated;
}

/** What the server says, for the types of socket.io-client. */
export interface ServerToClientEvents {
  /** An event of this client was rejected. */
  "error": (payload: Refusal) => void;
  "member:added": (payload: MemberAdded) => void;
  "member:removed": (payload: MemberRemoved) => void;
  "member:updated": (payload: MemberUpdated) => void;
  "source:created": (payload: SourceCreated) => void;
  "source:deleted": (payload: SourceDeleted) => void;
  "source:updated": (payload: SourceUpdated) => void;
  "vault:created": (payload: VaultCreated) => void;
  "vault:deleted": (payload: VaultDeleted) => void;
  /** The socket is in the room, and receives events from here on. */
  "vault:joined": (payload: Joined) => void;
  /** The socket has left the room: at its own request, or because its user lost access. */
  "vault:left": (payload: Left) => void;
  /** Precedes `vault:joined` if the missed events are not available. */
  "vault:resync": (payload: Resync) => void;
  "vault:updated": (payload: VaultUpdated) => void;
}

/** What clients say, for the types of socket.io-client. */
export interface ClientToServerEvents {
  /** Add a source, as POST /api/vaults/{vaultId}/sources does. */
  "source:created": (request: { fileUrl: string; title: string; vaultId: string; }, ack?: (answer: SourceCreatedAck) => void) => void;
  /** Delete a source, as DELETE /api/sources/{sourceId} does. */
  "source:deleted": (request: { sourceId: string; }, ack?: (answer: SourceDeletedAck) => void) => void;
  /** Change a source, as PATCH /api/sources/{sourceId} does. */
  "source:updated": (request: { fileUrl?: string | null; sourceId: string; title?: string | null; }, ack?: (answer: SourceUpdatedAck) => void) => void;
  /** Enter a vault's room. With `after`, the events after it come first; then `vault:joined`. */
  "vault:join": (request: VaultRef, ack?: (answer: VaultJoinAck) => void) => void;
  /** Leave a vault's room. */
  "vault:leave": (request: VaultRef, ack?: (answer: VaultLeaveAck) => void) => void;
}
