// The event log, newest first. The payload of the selected event appears below the list, so that all rows keep their
// height.
import { useEffect, useId, useState } from "preact/hooks";
import { formatCount, formatDuration, formatNumber, formatTime } from "../lib/format";
import type { Arrival, LogEntry } from "../model/event-log";
import type { VaultModel } from "../model/vault-model";
import { Button } from "./controls";
import { Panel } from "./panel";
import { VirtualList } from "./virtual-list";

const ROW_HEIGHT = 32;

const ARRIVAL_LABELS: Record<Exclude<Arrival, "live">, string> = {
  "caught-up": "caught up",
  loaded: "earlier",
  replayed: "replayed",
};

export function Events({ model, class: extra = "" }: { model: VaultModel; class?: string }) {
  const [selected, setSelected] = useState<LogEntry>();
  /** The entries at the time of the pause. */
  const [pausedEntries, setPausedEntries] = useState<readonly LogEntry[]>();
  const payloadId = useId();
  // The payload may be outside the visible area.
  useEffect(() => {
    if (selected) document.getElementById(payloadId)?.scrollIntoView({ block: "nearest" });
  }, [selected]);
  const entries = pausedEntries ?? model.log.entries;
  const missed = pausedEntries ? model.log.entries.length - pausedEntries.length : 0;
  return (
    <Panel
      title="Events"
      class={extra}
      aside={
        <Button
          variant="small"
          aria-pressed={pausedEntries !== undefined}
          onClick={() => setPausedEntries(pausedEntries ? undefined : [...model.log.entries])}
        >
          {pausedEntries ? (missed > 0 ? `Resume (${formatCount(missed, "new", "new")})` : "Resume") : "Pause"}
        </Button>
      }
    >
      <VirtualList
        items={entries.toReversed()}
        keyOf={(entry) => entry.key}
        rowHeight={ROW_HEIGHT}
        label="Events, newest first"
        class="mt-1 h-64 border-t border-line lg:h-auto lg:min-h-32 lg:flex-[1_1_0px]"
        empty={<p class="grid h-full place-items-center p-4 text-sm text-muted">No events yet.</p>}
      >
        {(entry) => (
          <EventRow
            entry={entry}
            open={selected?.key === entry.key}
            payloadId={payloadId}
            onToggle={() => setSelected(selected?.key === entry.key ? undefined : entry)}
          />
        )}
      </VirtualList>
      <div id={payloadId} class="border-t border-line">
        {selected ? (
          <div role="group" aria-label={`Payload of event ${selected.event.seq}`}>
            <div class="flex items-center justify-between px-4 pt-2">
              <p class="text-xs font-medium">
                {selected.event.type} <span class="text-muted">seq {formatNumber(selected.event.seq)}</span>
              </p>
              <Button variant="small" onClick={() => setSelected(undefined)}>
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
              {formatPayload(selected)}
            </pre>
          </div>
        ) : (
          <p class="px-4 py-2 text-xs text-muted">Select an event to see its payload.</p>
        )}
      </div>
    </Panel>
  );
}

interface EventRowProps {
  entry: LogEntry;
  open: boolean;
  payloadId: string;
  onToggle: () => void;
}

function EventRow({ entry: { event, arrival, latency }, open, payloadId, onToggle }: EventRowProps) {
  return (
    <button
      type="button"
      aria-expanded={open}
      aria-controls={payloadId}
      onClick={onToggle}
      title={formatTime(event.timestamp)}
      data-seq={event.seq}
      class={`grid h-full w-full grid-cols-[2.75rem_7.25rem_minmax(0,1fr)_auto] items-center gap-x-2 px-4 text-left text-xs hover:bg-raised focus-visible:-outline-offset-2 ${open ? "bg-accent-soft" : ""}`}
    >
      <span class="text-right text-muted">{formatNumber(event.seq)}</span>
      <span class="truncate font-medium">{event.type}</span>
      <span class="truncate text-muted">{event.actor.userName}</span>
      <span class="text-muted">
        {arrival === "live" ? formatDuration(Math.max(0, latency ?? 0)) : ARRIVAL_LABELS[arrival]}
      </span>
    </button>
  );
}

/** Returns the payload as it was emitted. The type is the Socket.IO event name, not a part of the payload. */
function formatPayload({ event }: LogEntry): string {
  const { type: _, ...rest } = event;
  return JSON.stringify(rest, null, 2);
}
