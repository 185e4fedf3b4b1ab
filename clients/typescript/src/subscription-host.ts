// What a subscription needs from its client.
import type { ConnectionStatus } from "./connection.js";
import type { JoinAck } from "./events.js";
import type { Watch } from "./watch.js";

export interface SubscriptionHost {
  /** Milliseconds of silence after which an unanswered join is given up. */
  readonly joinTimeout: number;
  connectionStatus(): ConnectionStatus;
  /** When the server last sent anything, on the clock of `performance.now()`. */
  lastActivityAt(): number;
  sendJoin(vaultId: string, after: number | undefined, onAck: (ack: JoinAck) => void): void;
  sendLeave(vaultId: string): void;
  restartConnection(): void;
  endSession(): void;
  /** Removes a finished subscription, so that its vault can be watched again. */
  remove(subscription: Watch): void;
}
