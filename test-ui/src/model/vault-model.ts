// One vault on the page: what the client tells, and everything that is shown of it.
import {
  LiveVault,
  type Member,
  type Refusal,
  type Role,
  VaultClient,
  type VaultEvent,
  type VaultInfo,
  type WatchState,
} from "@syncscript/client";
import { eventsBefore, type User } from "../api/api";
import { Observable } from "../lib/observable";
import { Announcer } from "./announcer";
import { Book, MARKED_FOR } from "./book";
import { Delays } from "./delays";
import { Edits } from "./edits";
import { EventLog } from "./log";

/** How many events of before the page is opened are shown. */
const LOADED_EVENTS = 200;

/** The last time without connection. */
export interface Outage {
  ms: number;
  events: number;
}

export class VaultModel extends Observable {
  readonly vaultId: string;
  readonly me: User;
  /** To be called when the server says that nobody is signed in any more. */
  readonly sessionEnded: () => void;
  readonly book = new Book();
  readonly log = new EventLog();
  readonly delays = new Delays();
  readonly edits: Edits;
  /** Events since the connection was lost, or since the page was opened. */
  received = 0;
  outage: Outage | undefined;
  announcement = "";
  readonly #client: VaultClient;
  readonly #live: LiveVault;
  readonly #announcer: Announcer;
  #lostAt: number | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  /** So far the log is known without a hole, or its loading is under way. */
  #logged = 0;

  constructor(vaultId: string, me: User, sessionEnded: () => void) {
    super();
    this.vaultId = vaultId;
    this.me = me;
    this.sessionEnded = sessionEnded;
    this.#announcer = new Announcer(me.id, (text) => {
      this.announcement = text;
      this.changed();
    });
    this.edits = new Edits({
      vaultId,
      userId: me.id,
      position: () => this.#live.seq,
      changed: this.changed,
      sessionEnded,
    });
    this.#client = new VaultClient();
    this.#live = new LiveVault(this.#client, vaultId, {
      onChange: (_, event) => (event ? this.#event(event) : this.#loaded()),
      onState: (state) => this.#state(state),
      onReplay: (event) => {
        this.log.replayed(event);
        this.changed();
      },
      onError: (error) => console.warn("The vault could not be loaded; trying again.", error),
    });
  }

  get state(): WatchState {
    return this.#live.state;
  }

  /** Undefined until it is loaded. */
  get vault(): VaultInfo | undefined {
    return this.#live.vault;
  }

  get seq(): number {
    return this.#live.seq;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#live.members;
  }

  /** One's own role, as of the last event. */
  get role(): Role | undefined {
    return this.#live.members.get(this.me.id)?.role;
  }

  get mayWrite(): boolean {
    return this.role === "owner" || this.role === "contributor";
  }

  close(): void {
    clearTimeout(this.#expiry);
    this.#announcer.stop();
    this.#live.close();
    this.#client.close();
  }

  /** Sends `source:created` over the socket, whatever the role, and tells what the server says to it. */
  async emitCreate(title: string, fileUrl: string): Promise<Refusal | undefined> {
    const answer = await this.#client.socket
      .timeout(5_000)
      .emitWithAck("source:created", { vaultId: this.vaultId, title, fileUrl });
    return answer.ok ? undefined : answer;
  }

  #event(event: VaultEvent): void {
    // The clock, not that of performance.now(), since it is compared with the database's.
    const now = Date.now();
    this.#logged = event.seq;
    if (this.state.status === "live") {
      const delay = now - Date.parse(event.timestamp);
      this.delays.add(delay);
      this.log.add(event, "live", delay);
    } else {
      this.received++;
      this.log.add(event, "caught-up");
    }
    this.edits.noticed(event);
    this.edits.settle();
    this.book.apply(event, performance.now());
    this.#announcer.add(event);
    this.#expireLater();
    this.changed();
  }

  #loaded(): void {
    this.book.reset(this.#live.sources.values());
    this.edits.settle();
    this.changed();
    if (this.#logged < this.seq) void this.#loadLog(this.seq);
  }

  async #loadLog(upto: number): Promise<void> {
    this.#logged = upto;
    try {
      const events = await eventsBefore(this.vaultId, upto, LOADED_EVENTS);
      this.log.load(events.filter(({ seq }) => seq <= upto));
      this.book.attribute(events);
      this.changed();
    } catch {
      // The log begins with what comes from now on: nothing else depends on it.
    }
  }

  #state(state: WatchState): void {
    if (state.status === "reconnecting" && this.#lostAt === undefined) {
      this.#lostAt = performance.now();
      this.received = 0;
    }
    if (state.status === "live") {
      if (this.#lostAt !== undefined) this.outage = { ms: performance.now() - this.#lostAt, events: this.received };
      this.#lostAt = undefined;
      this.received = 0;
    }
    if (state.status === "session-ended") this.sessionEnded();
    this.changed();
  }

  #expireLater(): void {
    if (this.#expiry !== undefined || !this.book.hasMarks) return;
    // Several at a time, as few frames as need be.
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      if (this.book.expire(performance.now())) this.changed();
      this.#expireLater();
    }, MARKED_FOR / 8);
  }
}
