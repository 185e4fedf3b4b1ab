// The Socket.IO protocol between client and server. The payload types come from the server (protocol.ts). This module
// adds the types that the client derives from them. Times are RFC 3339 in UTC, with milliseconds.
import type { Revocation, SourceCreated, VaultEventPayloads, VaultJoinAck } from "./protocol.js";

export type * from "./protocol.js";

/** The fields of every event. */
export type EventBase = Pick<SourceCreated, "actor" | "timestamp" | "seq" | "eventId">;

export type VaultEventType = keyof VaultEventPayloads;

/** One event of a vault's log: its payload, with its Socket.IO event name as `type`. */
export type VaultEvent<T extends VaultEventType = VaultEventType> = {
  [K in T]: { type: K } & VaultEventPayloads[K];
}[T];

/** An old event that an operator sent again. `replay` is the id of the replay. */
export type ReplayedEvent = VaultEvent & { replay: string };

/** Why a membership ended. */
export type LeftReason = Revocation;

export type JoinAck = VaultJoinAck;
