// Joins one vault's room: one join at a time, with a timeout.
import type { JoinAck, LeftReason } from "./events.js";
import type { SubscriptionHost } from "./subscription-host.js";
import { Timer } from "./timer.js";

/** Upper limit of the silence, in milliseconds, after which a join is given up. */
const MAX_SILENCE = 60_000;

/** A join without an answer yet. */
interface PendingJoin {
  /** The reason of a `vault:left` that arrived in the meantime. It concerns the membership before the join. */
  leftReason?: LeftReason;
}

export class Joiner {
  readonly #host: SubscriptionHost;
  readonly #timer = new Timer();
  #pendingJoin: PendingJoin | undefined;
  #silenceLimit: number;

  constructor(host: SubscriptionHost) {
    this.#host = host;
    this.#silenceLimit = host.joinTimeout;
  }

  get pending(): boolean {
    return this.#pendingJoin !== undefined;
  }

  /**
   * Sends a join. Cancels the previous join: its answer is ignored. `onAck` also receives the reason of a `vault:left`
   * that arrived before the answer.
   */
  start(vaultId: string, after: number | undefined, onAck: (ack: JoinAck, leftReason?: LeftReason) => void): void {
    this.cancel();
    const join: PendingJoin = {};
    this.#pendingJoin = join;
    this.#host.sendJoin(vaultId, after, (ack) => {
      if (this.#pendingJoin !== join) return;
      this.cancel();
      if (ack.ok) this.#silenceLimit = this.#host.joinTimeout;
      onAck(ack, join.leftReason);
    });
    this.#watchSilence(performance.now());
  }

  /** Records a `vault:left`. Returns true if a join is pending, whose answer decides whether the membership ended. */
  recordLeft(reason: LeftReason): boolean {
    if (this.#pendingJoin) this.#pendingJoin.leftReason = reason;
    return this.#pendingJoin !== undefined;
  }

  cancel(): void {
    this.#timer.clear();
    this.#pendingJoin = undefined;
  }

  /**
   * Restarts the connection if the server is silent. A long backlog, or other vaults before this one, is not silence.
   */
  #watchSilence(sentAt: number): void {
    const remaining = Math.max(sentAt, this.#host.lastActivityAt()) + this.#silenceLimit - performance.now();
    if (remaining > 0) {
      this.#timer.start(remaining, () => this.#watchSilence(sentAt));
      return;
    }
    // If the server is slow for many clients, simultaneous reconnects make it slower, so the limit doubles each time.
    this.#silenceLimit = Math.min(MAX_SILENCE, this.#silenceLimit * 2);
    // On the same connection, another join would wait behind the one that is stuck.
    this.#host.restartConnection();
  }
}
