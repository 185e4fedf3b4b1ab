// What a SyncScript server and its clients say to each other over Socket.IO. Types only; the payloads are those of the
// outbox, to the letter: an event is emitted as it is stored.

export type Role = "owner" | "contributor" | "viewer";

/** Who made a change, with the name and role of that moment. */
export interface Actor {
  userId: string;
  userName: string;
  role: Role;
}

export interface Source {
  id: string;
  title: string;
  fileUrl: string;
  vaultId: string;
  /** RFC 3339, UTC, milliseconds; so are all times. */
  createdAt: string;
  updatedAt: string;
  /** How often it was written: 1 at creation. The ETag of REST. */
  version: number;
}

export interface Member {
  userId: string;
  userName: string;
  role: Role;
  createdAt: string;
}

export interface VaultInfo {
  id: string;
  name: string;
  createdAt: string;
  updatedAt: string;
}

/** What every event of the log has. */
export interface EventBase {
  actor: Actor;
  timestamp: string;
  /** Position in the vault's log, which has no holes: 1, 2, 3, … */
  seq: number;
  /** Names the event for ever. */
  eventId: string;
}

/** The closed set of event types, and what each carries. */
export interface VaultEventPayloads {
  "vault:created": EventBase & { vaultId: string; vault: VaultInfo; member: Member };
  "vault:updated": EventBase & { vaultId: string; vault: VaultInfo };
  "vault:deleted": EventBase & { vaultId: string };
  "member:added": EventBase & { vaultId: string; member: Member };
  "member:updated": EventBase & { vaultId: string; member: Member };
  "member:removed": EventBase & { vaultId: string; userId: string };
  "source:created": EventBase & { source: Source };
  "source:updated": EventBase & { source: Source };
  "source:deleted": EventBase & { sourceId: string; vaultId: string };
}

export type VaultEventType = keyof VaultEventPayloads;

/** One event of a vault's log: its payload, and its Socket.IO name as `type`. */
export type VaultEvent<T extends VaultEventType = VaultEventType> = {
  [K in T]: { type: K } & VaultEventPayloads[K];
}[T];

/** An old event that an operator sent again, under the id of that replay. */
export type ReplayedEvent = VaultEvent & { replay: string };

export type LeftReason = "membership-revoked" | "vault-deleted" | (string & {});

/** A refusal. `code` is for programs, and the same as over REST. */
export interface Refusal {
  code: string;
  message: string;
  vaultId?: string;
}

export interface Joined {
  vaultId: string;
  role: Role;
  /** The last event delivered or skipped: the next one is `seq + 1`. */
  seq: number;
}

/** The answer in an acknowledgement. */
export type Ack<T> = ({ ok: true } & T) | ({ ok: false } & Refusal);

/** `left` instead of a position: the membership ended within the backlog. */
export type JoinAck = Ack<Joined | { vaultId: string; left: LeftReason }>;

export type ServerToClientEvents = {
  [K in VaultEventType]: (payload: VaultEventPayloads[K] & { replay?: string }) => void;
} & {
  "vault:joined": (joined: Joined) => void;
  /** Without a reason it answers `vault:leave`. */
  "vault:left": (left: { vaultId: string; reason?: LeftReason }) => void;
  /** The backlog cannot be given: load the vault anew. */
  "vault:resync": (resync: { vaultId: string; seq: number }) => void;
  error: (refusal: Refusal) => void;
};

export interface ClientToServerEvents {
  "vault:join": (request: string | { vaultId: string; after?: number }, ack?: (answer: JoinAck) => void) => void;
  "vault:leave": (
    request: string | { vaultId: string },
    ack?: (answer: Ack<{ vaultId: string }>) => void,
  ) => void;
  "source:created": (
    source: { vaultId: string; title: string; fileUrl: string },
    ack?: (answer: Ack<{ seq: number; source: Source }>) => void,
  ) => void;
  "source:updated": (
    change: { sourceId: string; title?: string; fileUrl?: string },
    ack?: (answer: Ack<{ seq: number; source: Source }>) => void,
  ) => void;
  "source:deleted": (
    request: { sourceId: string },
    ack?: (answer: Ack<{ seq: number; sourceId: string; vaultId: string }>) => void,
  ) => void;
}
