// Asks to join one vault, one join at a time, and does not wait for ever.
import { Wait } from "./backoff.js";
import type { JoinAck, LeftReason } from "./events.js";
import type { Host } from "./watch.js";

/** Most milliseconds without a sign of the server before a join is given up. */
const MAX_PATIENCE = 60_000;

/** A join that is not answered; `left` was said meanwhile, of the membership before it. */
interface Join {
  left?: LeftReason;
}

export class Joining {
  readonly #host: Host;
  readonly #wait = new Wait();
  #join: Join | undefined;
  #patience: number;

  constructor(host: Host) {
    this.#host = host;
    this.#patience = host.joinTimeout;
  }

  get underWay(): boolean {
    return this.#join !== undefined;
  }

  /** Joins. Answers to earlier joins, and to this one after `stop`, go nowhere. */
  start(vaultId: string, after: number | undefined, answered: (answer: JoinAck, left?: LeftReason) => void): void {
    this.stop();
    const join: Join = {};
    this.#join = join;
    this.#host.join(vaultId, after, (answer) => {
      if (this.#join !== join) return;
      this.stop();
      if (answer.ok) this.#patience = this.#host.joinTimeout;
      answered(answer, join.left);
    });
    this.#await(performance.now());
  }

  /** The server says that the membership is over. True if the answer of the join under way decides whether it is. */
  left(reason: LeftReason): boolean {
    if (this.#join) this.#join.left = reason;
    return this.#join !== undefined;
  }

  stop(): void {
    this.#wait.clear();
    this.#join = undefined;
  }

  /** Gives the connection up if the server is silent: a long backlog is no reason, nor other vaults before this one. */
  #await(sentAt: number): void {
    const left = Math.max(sentAt, this.#host.heardAt()) + this.#patience - performance.now();
    if (left > 0) {
      this.#wait.start(left, () => this.#await(sentAt));
      return;
    }
    // A server that is slow for many gets slower when all come again: so this one waits longer each time.
    this.#patience = Math.min(MAX_PATIENCE, this.#patience * 2);
    // On the same connection another join would wait behind the one that is stuck.
    this.#host.restart();
  }
}
