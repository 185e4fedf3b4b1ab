// The slider that shows the sources as of an earlier event.
import { useId } from "preact/hooks";
import { formatCount, formatNumber } from "../lib/format";
import type { VaultHistory } from "../model/vault-history";
import { Button } from "./controls";

/** `headSeq`: the seq of the newest event. */
export function HistorySlider({ history, headSeq }: { history: VaultHistory; headSeq: number }) {
  const id = useId();
  const { selectedSeq, loaded, error } = history;
  return (
    <div class="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 text-sm">
      <label for={id} class="font-medium">
        History
      </label>
      <input
        id={id}
        type="range"
        min={1}
        max={headSeq}
        value={selectedSeq ?? headSeq}
        aria-valuetext={selectedSeq === undefined ? "now" : `as of event ${selectedSeq} of ${headSeq}`}
        class="h-7 min-w-32 flex-1 rounded accent-accent-fill"
        onInput={(event) => {
          const seq = event.currentTarget.valueAsNumber;
          history.select(seq >= headSeq ? undefined : seq);
        }}
      />
      {/* A fixed width, so that the slider keeps its length while it is moved. */}
      <div class="flex h-7 items-center justify-end gap-3 max-sm:w-full sm:w-72">
        <output for={id} class={selectedSeq === undefined ? "text-muted" : "font-medium text-accent"}>
          {selectedSeq === undefined ? "now" : `as of event ${formatNumber(selectedSeq)} of ${formatNumber(headSeq)}`}
        </output>
        {selectedSeq !== undefined && (
          <Button
            variant="small"
            onClick={() => {
              history.select(undefined);
              // This button disappears.
              document.getElementById(id)?.focus();
            }}
          >
            Back to now
          </Button>
        )}
      </div>
      <p role="status" class="sr-only">
        {selectedSeq !== undefined &&
          loaded?.seq === selectedSeq &&
          `As of event ${selectedSeq}: ${formatCount(loaded.sources.length, "source")}`}
      </p>
      {error && (
        <p role="alert" class="basis-full text-bad">
          {error}
        </p>
      )}
    </div>
  );
}
