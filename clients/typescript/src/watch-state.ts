// The state of a watched vault.
import type { LeftReason, Role } from "./events.js";

export type WatchState =
  /** The client is connecting for the first time. */
  | { status: "connecting" }
  /** Connected. Missed events are on their way. */
  | { status: "catching-up" }
  /** Everything up to `seq` has been delivered, and new events arrive as they happen. */
  | { status: "live"; seq: number; role: Role }
  /** The connection is lost. `attempt` counts the attempts to reconnect so far. */
  | { status: "reconnecting"; attempt: number }
  /** The user is no longer a member, or the vault was deleted. Final. */
  | { status: "removed"; reason: LeftReason }
  /** The server denies access to this vault. Final. */
  | { status: "denied"; code: string; message: string }
  /** The session ended. After the user has signed in again, `VaultClient.connect()` continues without loss. */
  | { status: "session-ended" }
  /** Closed by this program. Final. */
  | { status: "closed" };

export function isSameState(a: WatchState, b: WatchState): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
