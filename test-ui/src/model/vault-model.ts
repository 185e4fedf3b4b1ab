// The model of one vault on the page: the live vault from the client, and everything that is shown of it.
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
import { fetchEventsUpTo, type User } from "../api/api";
import { Observable } from "../lib/observable";
import { Announcer } from "./announcer";
import { EventLog } from "./event-log";
import { Latencies } from "./latencies";
import { OptimisticEdits } from "./optimistic-edits";
import { HIGHLIGHT_MS, SourceList } from "./source-list";

/** The number of earlier events that the page loads. */
const LOADED_EVENTS = 200;

/** The most recent outage of the connection. */
export interface Outage {
  ms: number;
  events: number;
}

export class VaultModel extends Observable {
  readonly vaultId: string;
  readonly user: User;
  /** Called when the server reports that the session ended. */
  readonly onSessionEnded: () => void;
  readonly sources = new SourceList();
  readonly log = new EventLog();
  readonly latencies = new Latencies();
  readonly edits: OptimisticEdits;
  /** The number of events since the connection was lost, or since the page was opened. */
  receivedEvents = 0;
  outage: Outage | undefined;
  announcement = "";
  readonly #client: VaultClient;
  readonly #live: LiveVault;
  readonly #announcer: Announcer;
  #disconnectedAt: number | undefined;
  #expiryTimer: ReturnType<typeof setTimeout> | undefined;
  /** The log is complete up to this seq, or is being loaded up to it. */
  #loggedUpTo = 0;

  constructor(vaultId: string, user: User, onSessionEnded: () => void) {
    super();
    this.vaultId = vaultId;
    this.user = user;
    this.onSessionEnded = onSessionEnded;
    this.#announcer = new Announcer(user.id, (text) => {
      this.announcement = text;
      this.notify();
    });
    this.edits = new OptimisticEdits({
      vaultId,
      userId: user.id,
      position: () => this.#live.seq,
      notify: this.notify,
      onSessionEnded,
    });
    this.#client = new VaultClient();
    this.#live = new LiveVault(this.#client, vaultId, {
      onChange: (_, event) => (event ? this.#applyEvent(event) : this.#applyLoad()),
      onState: (state) => this.#applyState(state),
      onReplay: (event) => {
        this.log.addReplay(event);
        this.notify();
      },
      onError: (error) => console.warn("The vault could not be loaded. Retrying.", error),
    });
  }

  get state(): WatchState {
    return this.#live.state;
  }

  /** Undefined until the vault is loaded. */
  get vault(): VaultInfo | undefined {
    return this.#live.vault;
  }

  get seq(): number {
    return this.#live.seq;
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#live.members;
  }

  /** The user's role, as of the last event. */
  get role(): Role | undefined {
    return this.#live.members.get(this.user.id)?.role;
  }

  get canWrite(): boolean {
    return this.role === "owner" || this.role === "contributor";
  }

  close(): void {
    clearTimeout(this.#expiryTimer);
    this.#announcer.stop();
    this.#live.close();
    this.#client.close();
  }

  /** Sends `source:created` over the socket, whatever the user's role. Returns the server's refusal, if any. */
  async emitCreate(title: string, fileUrl: string): Promise<Refusal | undefined> {
    const ack = await this.#client.socket
      .timeout(5_000)
      .emitWithAck("source:created", { vaultId: this.vaultId, title, fileUrl });
    return ack.ok ? undefined : ack;
  }

  #applyEvent(event: VaultEvent): void {
    // The wall clock, not performance.now(), because the timestamp comes from the database's clock.
    const now = Date.now();
    this.#loggedUpTo = event.seq;
    if (this.state.status === "live") {
      const latency = now - Date.parse(event.timestamp);
      this.latencies.add(latency);
      this.log.add(event, "live", latency);
    } else {
      this.receivedEvents++;
      this.log.add(event, "caught-up");
    }
    this.edits.matchCreated(event);
    this.edits.dropConfirmed();
    this.sources.applyEvent(event, performance.now());
    this.#announcer.add(event);
    this.#scheduleExpiry();
    this.notify();
  }

  #applyLoad(): void {
    this.sources.reset(this.#live.sources.values());
    this.edits.dropConfirmed();
    this.notify();
    if (this.#loggedUpTo < this.seq) void this.#loadLog(this.seq);
  }

  async #loadLog(headSeq: number): Promise<void> {
    this.#loggedUpTo = headSeq;
    try {
      const events = await fetchEventsUpTo(this.vaultId, headSeq, LOADED_EVENTS);
      this.log.prepend(events.filter(({ seq }) => seq <= headSeq));
      this.sources.assignAuthors(events);
      this.notify();
    } catch {
      // The log then starts with the next event. Nothing else depends on it.
    }
  }

  #applyState(state: WatchState): void {
    if (state.status === "reconnecting" && this.#disconnectedAt === undefined) {
      this.#disconnectedAt = performance.now();
      this.receivedEvents = 0;
    }
    if (state.status === "live") {
      if (this.#disconnectedAt !== undefined) {
        this.outage = { ms: performance.now() - this.#disconnectedAt, events: this.receivedEvents };
      }
      this.#disconnectedAt = undefined;
      this.receivedEvents = 0;
    }
    if (state.status === "session-ended") this.onSessionEnded();
    this.notify();
  }

  #scheduleExpiry(): void {
    if (this.#expiryTimer !== undefined || !this.sources.hasHighlights) return;
    // Several highlights expire together, to save redraws.
    this.#expiryTimer = setTimeout(() => {
      this.#expiryTimer = undefined;
      if (this.sources.removeExpired(performance.now())) this.notify();
      this.#scheduleExpiry();
    }, HIGHLIGHT_MS / 8);
  }
}
