// The log, newest first. A row opens its payload below the list, so that no row ever changes its height.
import { useEffect, useId, useState } from "preact/hooks";
import { clock, count, duration, number } from "../lib/text";
import type { Arrival, LogEntry } from "../model/log";
import type { VaultModel } from "../model/vault-model";
import { Button } from "./controls";
import { Panel } from "./panel";
import { VirtualList } from "./virtual-list";

const ROW = 32;

const ARRIVALS: Record<Exclude<Arrival, "live">, string> = {
  "caught-up": "caught up",
  loaded: "earlier",
  replayed: "replayed",
};

export function Events({ model, class: extra = "" }: { model: VaultModel; class?: string }) {
  const [chosen, setChosen] = useState<LogEntry>();
  /** What was there when it was paused. */
  const [paused, setPaused] = useState<readonly LogEntry[]>();
  const detail = useId();
  // It may be below what is in sight.
  useEffect(() => {
    if (chosen) document.getElementById(detail)?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  const entries = paused ?? model.log.entries;
  const missed = paused ? model.log.entries.length - paused.length : 0;
  return (
    <Panel
      title="Events"
      class={extra}
      aside={
        <Button
          look="small"
          aria-pressed={paused !== undefined}
          onClick={() => setPaused(paused ? undefined : [...model.log.entries])}
        >
          {paused ? (missed > 0 ? `Resume (${count(missed, "new", "new")})` : "Resume") : "Pause"}
        </Button>
      }
    >
      <VirtualList
        items={entries.toReversed()}
        keyOf={(entry) => entry.key}
        rowHeight={ROW}
        label="Events, newest first"
        class="mt-1 h-64 border-t border-line lg:h-auto lg:min-h-32 lg:flex-[1_1_0px]"
        empty={<p class="grid h-full place-items-center p-4 text-sm text-muted">No events yet.</p>}
      >
        {(entry) => (
          <EventRow
            entry={entry}
            open={chosen?.key === entry.key}
            detail={detail}
            onToggle={() => setChosen(chosen?.key === entry.key ? undefined : entry)}
          />
        )}
      </VirtualList>
      <div id={detail} class="border-t border-line">
        {chosen ? (
          <div role="group" aria-label={`Payload of event ${chosen.event.seq}`}>
            <div class="flex items-center justify-between px-4 pt-2">
              <p class="text-xs font-medium">
                {chosen.event.type} <span class="text-muted">seq {number(chosen.event.seq)}</span>
              </p>
              <Button look="small" onClick={() => setChosen(undefined)}>
                Close
              </Button>
            </div>
            <pre
              // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard
              tabIndex={0}
              role="region"
              aria-label="Payload"
              class="mx-4 my-2 max-h-48 overflow-auto font-mono text-xs leading-5"
            >
              {payload(chosen)}
            </pre>
          </div>
        ) : (
          <p class="px-4 py-2 text-xs text-muted">Choose an event to see its payload.</p>
        )}
      </div>
    </Panel>
  );
}

interface EventRowProps {
  entry: LogEntry;
  open: boolean;
  detail: string;
  onToggle: () => void;
}

function EventRow({ entry: { event, arrival, delay }, open, detail, onToggle }: EventRowProps) {
  return (
    <button
      type="button"
      aria-expanded={open}
      aria-controls={detail}
      onClick={onToggle}
      title={clock(event.timestamp)}
      data-seq={event.seq}
      class={`grid h-full w-full grid-cols-[2.75rem_7.25rem_minmax(0,1fr)_auto] items-center gap-x-2 px-4 text-left text-xs hover:bg-raised focus-visible:-outline-offset-2 ${open ? "bg-accent-soft" : ""}`}
    >
      <span class="text-right text-muted">{number(event.seq)}</span>
      <span class="truncate font-medium">{event.type}</span>
      <span class="truncate text-muted">{event.actor.userName}</span>
      <span class="text-muted">{arrival === "live" ? duration(Math.max(0, delay ?? 0)) : ARRIVALS[arrival]}</span>
    </button>
  );
}

/** As it was emitted: the type is the event's name, and no part of it. */
function payload({ event }: LogEntry): string {
  const { type: _, ...rest } = event;
  return JSON.stringify(rest, null, 2);
}
