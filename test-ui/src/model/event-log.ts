// The most recent events of a vault, in the order of arrival.
import type { ReplayedEvent, VaultEvent } from "@syncscript/client";

/** How an event arrived: live, after an outage, with the initial load, or in an operator's replay. */
export type Arrival = "live" | "caught-up" | "loaded" | "replayed";

export interface LogEntry {
  key: string;
  event: VaultEvent;
  arrival: Arrival;
  /** Milliseconds from the commit to this page, for live events. */
  latency?: number;
}

/** When the log exceeds this size, the older half is dropped. */
const MAX_ENTRIES = 2_000;

export class EventLog {
  /** In the order of arrival, which is the order of the log except for replays. */
  #entries: LogEntry[] = [];

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  add(event: VaultEvent, arrival: "live" | "caught-up", latency?: number): void {
    this.#push({ key: String(event.seq), event, arrival, ...(latency !== undefined && { latency }) });
  }

  addReplay(event: ReplayedEvent): void {
    this.#push({ key: `${event.seq}/${event.replay}`, event, arrival: "replayed" });
  }

  /** Inserts earlier events before the entries that follow them. */
  prepend(events: readonly VaultEvent[]): void {
    const existing = new Map(this.#entries.map((entry) => [entry.key, entry]));
    const last = events.at(-1)?.seq ?? 0;
    const earlier = events.map((event): LogEntry => {
      const key = String(event.seq);
      return existing.get(key) ?? { key, event, arrival: "loaded" };
    });
    this.#entries = [...earlier, ...this.#entries.filter(({ event }) => event.seq > last)];
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > MAX_ENTRIES) this.#entries = this.#entries.slice(-MAX_ENTRIES / 2);
  }
}
