// What a SyncScript server and its clients say to each other over Socket.IO. The payloads are the server's own types
// (protocol.ts); here is what a client makes of them. Times are RFC 3339, UTC, with milliseconds.
import type { Revocation, SourceCreated, VaultEventPayloads, VaultJoinAck } from "./protocol.js";

export type * from "./protocol.js";

/** What every event of the log has. */
export type EventBase = Pick<SourceCreated, "actor" | "timestamp" | "seq" | "eventId">;

/** The closed set of event types. */
export type VaultEventType = keyof VaultEventPayloads;

/** One event of a vault's log: its payload, and its Socket.IO name as `type`. */
export type VaultEvent<T extends VaultEventType = VaultEventType> = {
  [K in T]: { type: K } & VaultEventPayloads[K];
}[T];

/** An old event that an operator sent again, under the id of that replay. */
export type ReplayedEvent = VaultEvent & { replay: string };

/** Why a membership is over. */
export type LeftReason = Revocation;

/** The answer to a join. */
export type JoinAck = VaultJoinAck;
