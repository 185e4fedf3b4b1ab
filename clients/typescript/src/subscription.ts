// One watched vault: delivers each event once, in order and without a gap (I3, I4), across lost connections.
//
// The state is the position, the seq of the last event delivered. The next event is delivered, an earlier event is
// dropped as a duplicate, and a later event shows a gap, which a join with `after: position` closes. Only the first
// join, which starts where the server says, and a reload set the position in another way. While one of these is
// pending, events are dropped: the join that follows delivers everything after the new position, so a buffer would only
// duplicate that.
//
// A join is complete when its acknowledgement arrives. The server sends the acknowledgement after the backlog, so the
// backlog is complete exactly if the position has reached the acknowledged seq. Only one join counts at a time; answers
// to earlier joins are ignored.
import { Dispatcher } from "./dispatcher.js";
import { RefusedError } from "./errors.js";
import type { JoinAck, LeftReason, ReplayedEvent, VaultEvent } from "./events.js";
import { Joiner } from "./joiner.js";
import { Reloader } from "./reloader.js";
import { Backoff } from "./retry-policy.js";
import type { SubscriptionHost } from "./subscription-host.js";
import { Timer } from "./timer.js";
import type { Watch, WatchCounters, WatchHandlers, WatchOptions } from "./watch.js";
import type { WatchState } from "./watch-state.js";

/** Error codes that a retry does not change. All other codes, also unknown ones, are retried. */
const FINAL_CODES = new Set(["ACCESS_DENIED", "NOT_FOUND", "FORBIDDEN", "BAD_REQUEST"]);

export class Subscription implements Watch {
  readonly vaultId: string;
  readonly #host: SubscriptionHost;
  readonly #handlers: WatchHandlers;
  readonly #dispatcher: Dispatcher;
  readonly #joiner: Joiner;
  readonly #timer = new Timer();
  readonly #counters: WatchCounters = { events: 0, duplicates: 0, gaps: 0, resyncs: 0 };
  // The first recovery starts at once, because a single gap or resync is the usual case. Repeated ones must not load
  // the server.
  readonly #recoveryBackoff = new Backoff({ first: 0, min: 200, max: 5_000 });
  readonly #retryBackoff = new Backoff({ min: 200, max: 5_000 });
  #position: number | undefined;
  #started = false;
  #finished = false;
  /** Set while a reload is to set the position. */
  #reloader: Reloader | undefined;

  constructor(host: SubscriptionHost, vaultId: string, handlers: WatchHandlers, options: WatchOptions) {
    this.vaultId = vaultId;
    this.#host = host;
    this.#handlers = handlers;
    this.#dispatcher = new Dispatcher(handlers);
    this.#position = options.loadFirst ? undefined : options.after;
    this.#reloader = options.loadFirst ? new Reloader(handlers, undefined) : undefined;
    this.#joiner = new Joiner(host);
  }

  get seq(): number | undefined {
    return this.#position;
  }

  get state(): WatchState {
    return this.#dispatcher.state;
  }

  get counters(): Readonly<WatchCounters> {
    return { ...this.#counters };
  }

  close(): void {
    if (this.#finished) return;
    this.#host.sendLeave(this.vaultId);
    this.#finish({ status: "closed" });
  }

  // Called by the client ----------------------------------------------------------------------------------------------

  /** Called first, and only after `watch` has returned, so that no handler runs within `watch`. */
  start(): void {
    if (this.#finished) return;
    this.#started = true;
    const status = this.#host.connectionStatus();
    if (status === "session-ended") this.onSessionEnded();
    this.#dispatcher.start();
    if (status === "connected") this.onConnected();
  }

  onConnected(): void {
    if (!this.#started) return;
    if (this.#reloader) this.#reload();
    else this.#join();
  }

  onDisconnected(attempt: number): void {
    this.#cancelPending();
    this.#dispatcher.setState({ status: "reconnecting", attempt });
  }

  onSessionEnded(): void {
    this.#cancelPending();
    this.#dispatcher.setState({ status: "session-ended" });
  }

  onEvent(event: VaultEvent): void {
    if (this.#reloader || this.#position === undefined) return;
    if (event.seq <= this.#position) {
      this.#counters.duplicates++;
    } else if (event.seq === this.#position + 1) {
      this.#position = event.seq;
      this.#counters.events++;
      this.#dispatcher.dispatchEvent(event);
    } else if (!this.#joiner.pending && !this.#timer.pending) {
      this.#closeGap();
    }
    // Otherwise the pending join delivers the missing events. If it does not, its acknowledgement shows the gap.
  }

  onReplay(event: ReplayedEvent): void {
    this.#dispatcher.dispatchReplay(event);
  }

  onJoined(seq: number): void {
    // Live events may arrive between `vault:joined` and the acknowledgement.
    if (this.#joiner.pending) this.#position ??= seq;
  }

  onLeft(reason: LeftReason): void {
    // While a join is pending, `vault:left` may concern the membership before it. The answer to the join decides.
    if (!this.#joiner.recordLeft(reason)) this.#finish({ status: "removed", reason });
  }

  onResync(seq: number): void {
    if (this.#reloader) return;
    this.#counters.resyncs++;
    this.#cancelPending();
    this.#reloader = new Reloader(this.#handlers, seq);
    this.#timer.start(this.#recoveryBackoff.next(), () => this.#reload());
  }

  // -------------------------------------------------------------------------------------------------------------------

  #join(): void {
    this.#cancelPending();
    this.#dispatcher.setState({ status: "catching-up" });
    if (this.#finished || this.#host.connectionStatus() !== "connected") return;
    this.#joiner.start(this.vaultId, this.#position, (ack, leftReason) => this.#handleAck(ack, leftReason));
  }

  #handleAck(ack: JoinAck, leftReason: LeftReason | undefined): void {
    if (!ack.ok) {
      const error = new RefusedError(ack.code, ack.message);
      if (leftReason === undefined) this.#handleFailure(error, () => this.#join());
      else this.#finish({ status: "removed", reason: leftReason });
    } else if ("left" in ack) {
      this.#finish({ status: "removed", reason: ack.left });
    } else {
      this.#position ??= ack.seq;
      if (this.#position < ack.seq) this.#closeGap();
      else this.#dispatcher.setState({ status: "live", seq: this.#position, role: ack.role });
    }
  }

  #closeGap(): void {
    this.#counters.gaps++;
    this.#dispatcher.setState({ status: "catching-up" });
    if (!this.#finished) this.#timer.start(this.#recoveryBackoff.next(), () => this.#join());
  }

  #reload(): void {
    this.#dispatcher.setState({ status: "catching-up" });
    this.#reloader?.run(
      (seq) => {
        this.#reloader = undefined;
        this.#position = seq;
        if (this.#host.connectionStatus() === "connected") this.#join();
      },
      (error) => this.#handleFailure(error, () => this.#reload()),
    );
  }

  /** Only an answer of the server is final. Failures of the network and of the application are retried. */
  #handleFailure(error: unknown, retry: () => void): void {
    const code = error instanceof RefusedError ? error.code : "";
    if (code === "UNAUTHORIZED") {
      this.#host.endSession();
    } else if (FINAL_CODES.has(code)) {
      this.#finish({ status: "denied", code, message: (error as RefusedError).message });
    } else {
      this.#dispatcher.reportError(error);
      if (this.#host.connectionStatus() === "connected") this.#timer.start(this.#retryBackoff.next(), retry);
    }
  }

  #cancelPending(): void {
    this.#timer.clear();
    this.#joiner.cancel();
  }

  #finish(state: WatchState): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#cancelPending();
    this.#reloader?.abort();
    this.#reloader = undefined;
    this.#host.remove(this);
    this.#dispatcher.setState(state);
  }
}
