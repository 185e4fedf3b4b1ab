// Generated from the types of the server, as GET /api/asyncapi.json has them; do not edit.
// To bring it up to date: SYNCSCRIPT_UPDATE=1 cargo test --test api typescript

/** The user who made a change, with the name and role at that moment. */
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
  /** The reason. Absent in the answer to `vault:leave`. */
  reason?: Revocation;
  /** The vault. */
  vaultId: string;
}

/** A member, as it appears in events: without an email address, because the log is permanent. */
export interface Member {
  /** When the membership began. */
  createdAt: string;
  /** The member's role. */
  role: Role;
  /** The user. */
  userId: string;
  /** The user's name. */
  userName: string;
}

/** A user became a member. */
export interface MemberAdded {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The new member. */
  member: Member;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** The vault's id. */
  vaultId: string;
}

/** A membership ended. The removed user receives `vault:left` instead. */
export interface MemberRemoved {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** The user who is no longer a member. */
  userId: string;
  /** The vault's id. */
  vaultId: string;
}

/** A member's role changed. */
export interface MemberUpdated {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The member as it is now. */
  member: Member;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
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
  /** When the source was created. */
  createdAt: string;
  /** The URL of the source's file. */
  fileUrl: string;
  /** The source's id. */
  id: string;
  /** The source's title. */
  title: string;
  /** When the source was last changed. */
  updatedAt: string;
  /** The vault that contains the source. */
  vaultId: string;
  /** How many times the source was written. */
  version: number;
}

/** A source was added. */
export interface SourceCreated {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** The source. */
  source: Source;
  /** When the change was made. */
  timestamp: string;
}

/** A source was deleted. */
export interface SourceDeleted {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** The source's id. */
  sourceId: string;
  /** When the change was made. */
  timestamp: string;
  /** The vault that contained the source. */
  vaultId: string;
}

/** A source was changed. */
export interface SourceUpdated {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** The source as it is now. */
  source: Source;
  /** When the change was made. */
  timestamp: string;
}

/** A vault was created: the first event of every log. */
export interface VaultCreated {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The vault's owner. */
  member: Member;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** The vault. */
  vault: VaultInfo;
  /** The vault's id. */
  vaultId: string;
}

/** A vault was deleted: the last event of its log. */
export interface VaultDeleted {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** The vault's id. */
  vaultId: string;
}

/** A vault, as it appears in events. */
export interface VaultInfo {
  /** When the vault was created. */
  createdAt: string;
  /** The vault's id. */
  id: string;
  /** The vault's name. */
  name: string;
  /** When the vault's name last changed. */
  updatedAt: string;
}

/** A vault: its id, either alone or in an object. */
export type VaultRef = string | { after?: number; vaultId: string; };

/** A vault was renamed. */
export interface VaultUpdated {
  /** The user who made the change. */
  actor: Actor;
  /** The event's permanent id. */
  eventId: string;
  /** The replay's id, only in an event that an operator sent again. It does not advance the position. */
  replay?: string;
  /** The position in the vault's log, which has no gaps: 1, 2, 3, … */
  seq: number;
  /** When the change was made. */
  timestamp: string;
  /** The vault as it is now. */
  vault: VaultInfo;
  /** The vault's id. */
  vaultId: string;
}

/** The acknowledgement of `source:created`. */
export type SourceCreatedAck = { ok: true; seq: number; source: Source; } | { code: string; message: string; ok: false; vaultId?: string; };

/** The acknowledgement of `source:deleted`. */
export type SourceDeletedAck = { ok: true; seq: number; sourceId: string; vaultId: string; } | { code: string; message: string; ok: false; vaultId?: string; };

/** The acknowledgement of `source:updated`. */
export type SourceUpdatedAck = { ok: true; seq: number; source: Source; } | { code: string; message: string; ok: false; vaultId?: string; };

/** The acknowledgement of `vault:join`. */
export type VaultJoinAck = { ok: true; } & (Joined | { left: Revocation; vaultId: string; }) | { code: string; message: string; ok: false; vaultId?: string; };

/** The acknowledgement of `vault:leave`. */
export type VaultLeaveAck = { ok: true; reason?: Revocation; vaultId: string; } | { code: string; message: string; ok: false; vaultId?: string; };

/** The payload of each event in a vault's log. */
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

/** Events from the server, for the types of socket.io-client. */
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

/** Events from clients, for the types of socket.io-client. */
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
