// Back through the log, event by event.
import { useId } from "preact/hooks";
import { count, number } from "../lib/text";
import type { History } from "../model/history";
import { Button } from "./controls";

/** `head`: the newest event. */
export function HistorySlider({ history, head }: { history: History; head: number }) {
  const id = useId();
  const { at, shown, failure } = history;
  return (
    <div class="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line px-4 py-2 text-sm">
      <label for={id} class="font-medium">
        History
      </label>
      <input
        id={id}
        type="range"
        min={1}
        max={head}
        value={at ?? head}
        aria-valuetext={at === undefined ? "now" : `as of event ${at} of ${head}`}
        class="h-7 min-w-32 flex-1 rounded accent-accent-fill"
        onInput={(event) => {
          const seq = event.currentTarget.valueAsNumber;
          history.look(seq >= head ? undefined : seq);
        }}
      />
      {/* As wide as it ever gets, so that the slider keeps its length while one slides. */}
      <div class="flex h-7 items-center justify-end gap-3 max-sm:w-full sm:w-72">
        <output for={id} class={at === undefined ? "text-muted" : "font-medium text-accent"}>
          {at === undefined ? "now" : `as of event ${number(at)} of ${number(head)}`}
        </output>
        {at !== undefined && (
          <Button
            look="small"
            onClick={() => {
              history.look(undefined);
              // This button goes.
              document.getElementById(id)?.focus();
            }}
          >
            Back to now
          </Button>
        )}
      </div>
      <p role="status" class="sr-only">
        {at !== undefined && shown?.seq === at && `As of event ${at}: ${count(shown.sources.length, "source")}`}
      </p>
      {failure && (
        <p role="alert" class="basis-full text-bad">
          {failure}
        </p>
      )}
    </div>
  );
}
