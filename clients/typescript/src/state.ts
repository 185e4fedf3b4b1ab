// How a watched vault stands, for programs and their users to see.
import type { LeftReason, Role } from "./events.js";

export type WatchState =
  /** The first connection is being made. */
  | { status: "connecting" }
  /** Connected; events that were missed are on their way. */
  | { status: "catching-up" }
  /** Everything up to `seq` has been handed over; what happens from now on arrives as it happens. */
  | { status: "live"; seq: number; role: Role }
  /** The connection is lost; `attempt` tries to get it back have begun. */
  | { status: "reconnecting"; attempt: number }
  /** No longer a member, or the vault is deleted. Final. */
  | { status: "removed"; reason: LeftReason }
  /** The server refuses this vault. Final. */
  | { status: "denied"; code: string; message: string }
  /** Nobody is signed in any more. `VaultClient.connect()` goes on after a new sign-in, without loss. */
  | { status: "session-ended" }
  /** Closed by this program. Final. */
  | { status: "closed" };

export function sameState(a: WatchState, b: WatchState): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
