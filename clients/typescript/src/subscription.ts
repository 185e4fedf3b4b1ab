// One watched vault: hands over each event once, in order, without a hole (I3, I4), whatever the network does.
//
// The position `last` is all that matters: an event is handed over if it is the next one, dropped if it came before, and
// anything else is asked for again by joining with `after: last`. Only two things set the position otherwise: the first
// join, which begins where the server says, and a reload. While one of these is to come, events are dropped: the join
// that follows brings what lies after it, so buffering would only be a second way to the same end.
//
// A join is over when its acknowledgement comes: the server sends it behind the backlog, so the backlog is complete
// exactly if `last` has reached the position it names. Only one join at a time counts; answers to others are ignored.
import { Backoff, Wait } from "./backoff.js";
import { RefusedError } from "./errors.js";
import type { JoinAck, LeftReason, ReplayedEvent, VaultEvent } from "./events.js";
import { Joining } from "./joining.js";
import { Outlet } from "./outlet.js";
import { Reloading } from "./reloading.js";
import type { WatchState } from "./state.js";
import type { Host, Watch, WatchCounters, WatchHandlers, WatchOptions } from "./watch.js";

/** Refusals that trying again does not change. All others, also those not known here, are tried again. */
const FINAL = new Set(["ACCESS_DENIED", "NOT_FOUND", "FORBIDDEN", "BAD_REQUEST"]);

export class Subscription implements Watch {
  readonly vaultId: string;
  readonly #host: Host;
  readonly #handlers: WatchHandlers;
  readonly #outlet: Outlet;
  readonly #joining: Joining;
  readonly #wait = new Wait();
  readonly #counters: WatchCounters = { events: 0, duplicates: 0, gaps: 0, resyncs: 0 };
  // The first time at once: usually it is one mishap. In a row they must not load the server.
  readonly #mishaps = new Backoff({ first: 0, min: 200, max: 5_000 });
  readonly #refusals = new Backoff({ min: 200, max: 5_000 });
  #last: number | undefined;
  #begun = false;
  #final = false;
  /** Set while the position is to come from a reload. */
  #reloading: Reloading | undefined;

  constructor(host: Host, vaultId: string, handlers: WatchHandlers, options: WatchOptions) {
    this.vaultId = vaultId;
    this.#host = host;
    this.#handlers = handlers;
    this.#outlet = new Outlet(handlers);
    this.#last = options.loadFirst ? undefined : options.after;
    this.#reloading = options.loadFirst ? new Reloading(handlers, undefined) : undefined;
    this.#joining = new Joining(host);
  }

  get seq(): number | undefined {
    return this.#last;
  }

  get state(): WatchState {
    return this.#outlet.state;
  }

  get counters(): Readonly<WatchCounters> {
    return { ...this.#counters };
  }

  close(): void {
    if (this.#final) return;
    this.#host.leave(this.vaultId);
    this.#finish({ status: "closed" });
  }

  // What the client tells ---------------------------------------------------------------------------------------------

  /** Comes first, and not from within `watch`, which should have returned when handlers are called. */
  begin(): void {
    if (this.#final) return;
    this.#begun = true;
    const phase = this.#host.phase();
    if (phase === "ended") this.ended();
    this.#outlet.open();
    if (phase === "up") this.up();
  }

  up(): void {
    if (!this.#begun) return;
    if (this.#reloading) this.#load();
    else this.#sendJoin();
  }

  down(attempt: number): void {
    this.#stop();
    this.#outlet.become({ status: "reconnecting", attempt });
  }

  ended(): void {
    this.#stop();
    this.#outlet.become({ status: "session-ended" });
  }

  receive(event: VaultEvent): void {
    if (this.#reloading || this.#last === undefined) return;
    if (event.seq <= this.#last) {
      this.#counters.duplicates++;
    } else if (event.seq === this.#last + 1) {
      this.#last = event.seq;
      this.#counters.events++;
      this.#outlet.event(event);
    } else if (!this.#joining.underWay && !this.#wait.pending) {
      this.#gap();
    }
    // Else the join that is under way, or about to be, brings what lies between; its acknowledgement tells if not.
  }

  replayed(event: ReplayedEvent): void {
    this.#outlet.replay(event);
  }

  joined(seq: number): void {
    // Live events may come between this and the acknowledgement.
    if (this.#joining.underWay) this.#last ??= seq;
  }

  left(reason: LeftReason): void {
    // With a join under way it may tell of the membership before, and the answer decides.
    if (!this.#joining.left(reason)) this.#finish({ status: "removed", reason });
  }

  resync(seq: number): void {
    if (this.#reloading) return;
    this.#counters.resyncs++;
    this.#stop();
    this.#reloading = new Reloading(this.#handlers, seq);
    this.#wait.start(this.#mishaps.next(), () => this.#load());
  }

  // -------------------------------------------------------------------------------------------------------------------

  #sendJoin(): void {
    this.#stop();
    this.#outlet.become({ status: "catching-up" });
    if (this.#final || this.#host.phase() !== "up") return;
    this.#joining.start(this.vaultId, this.#last, (answer, left) => this.#answered(answer, left));
  }

  #answered(answer: JoinAck, left: LeftReason | undefined): void {
    if (!answer.ok) {
      const refusal = new RefusedError(answer.code, answer.message);
      if (left === undefined) this.#failed(refusal, () => this.#sendJoin());
      else this.#finish({ status: "removed", reason: left });
    } else if ("left" in answer) {
      this.#finish({ status: "removed", reason: answer.left });
    } else {
      this.#last ??= answer.seq;
      if (this.#last < answer.seq) this.#gap();
      else this.#outlet.become({ status: "live", seq: this.#last, role: answer.role });
    }
  }

  #gap(): void {
    this.#counters.gaps++;
    this.#outlet.become({ status: "catching-up" });
    if (!this.#final) this.#wait.start(this.#mishaps.next(), () => this.#sendJoin());
  }

  #load(): void {
    this.#outlet.become({ status: "catching-up" });
    this.#reloading?.run(
      (seq) => {
        this.#reloading = undefined;
        this.#last = seq;
        if (this.#host.phase() === "up") this.#sendJoin();
      },
      (error) => this.#failed(error, () => this.#load()),
    );
  }

  /** Only the server's own word is final; a failing network or application is tried again. */
  #failed(error: unknown, again: () => void): void {
    const code = error instanceof RefusedError ? error.code : "";
    if (code === "UNAUTHORIZED") {
      this.#host.sessionEnded();
    } else if (FINAL.has(code)) {
      this.#finish({ status: "denied", code, message: (error as RefusedError).message });
    } else {
      this.#outlet.failure(error);
      if (this.#host.phase() === "up") this.#wait.start(this.#refusals.next(), again);
    }
  }

  /** Neither a join nor a wait is under way after this. */
  #stop(): void {
    this.#wait.clear();
    this.#joining.stop();
  }

  #finish(state: WatchState): void {
    if (this.#final) return;
    this.#final = true;
    this.#stop();
    this.#reloading?.abort();
    this.#reloading = undefined;
    this.#host.forget(this);
    this.#outlet.become(state);
  }
}
