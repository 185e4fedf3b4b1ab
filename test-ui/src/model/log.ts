// The newest events of a vault, as they came.
import type { ReplayedEvent, VaultEvent } from "@syncscript/client";

/** How an event came: as it happened, after a time without connection, with the page, or sent again by an operator. */
export type Arrival = "live" | "caught-up" | "loaded" | "replayed";

export interface LogEntry {
  key: string;
  event: VaultEvent;
  arrival: Arrival;
  /** Milliseconds from commit to here, of those that came live. */
  delay?: number;
}

/** As many are kept, half of them when there are more. */
const MOST = 2_000;

export class EventLog {
  /** In the order in which they came, which but for replays is that of the log. */
  #entries: LogEntry[] = [];

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  add(event: VaultEvent, arrival: "live" | "caught-up", delay?: number): void {
    this.#push({ key: String(event.seq), event, arrival, ...(delay !== undefined && { delay }) });
  }

  replayed(event: ReplayedEvent): void {
    this.#push({ key: `${event.seq}/${event.replay}`, event, arrival: "replayed" });
  }

  /** Puts events of before in front of those after them. */
  load(events: readonly VaultEvent[]): void {
    const known = new Map(this.#entries.map((entry) => [entry.key, entry]));
    const last = events.at(-1)?.seq ?? 0;
    const before = events.map((event): LogEntry => {
      const key = String(event.seq);
      return known.get(key) ?? { key, event, arrival: "loaded" };
    });
    this.#entries = [...before, ...this.#entries.filter(({ event }) => event.seq > last)];
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > MOST) this.#entries = this.#entries.slice(-MOST / 2);
  }
}
