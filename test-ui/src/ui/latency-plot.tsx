// A plot of the latency of the last events, from the commit to this page, with a line at the target of 100 ms.
//
// The scale is logarithmic and fixed, so that only the dots move: each grid line is ten times the line below, and the
// target is in the middle.
import { formatDuration } from "../lib/format";
import { TARGET_MS, WINDOW_SIZE } from "../model/latencies";
import type { VaultModel } from "../model/vault-model";
import { Panel } from "./panel";

const DECADES = 4;
const GRID_LINES: readonly [label: string, ms: number][] = [
  ["10 s", 10_000],
  ["1 s", 1_000],
  ["100 ms", 100],
  ["10 ms", 10],
  ["1 ms", 1],
];

/** Returns the distance from the top, in percent. */
const yPosition = (ms: number): number => 100 - (100 * Math.log10(Math.max(1, Math.min(ms, 10 ** DECADES)))) / DECADES;

export function LatencyPlot({ model }: { model: VaultModel }) {
  const { values } = model.latencies;
  const summary = model.latencies.summarize();
  const dots = (overTarget: boolean): string =>
    values
      .map((ms, i) =>
        ms > TARGET_MS === overTarget
          ? `M${(i + 0.5 + WINDOW_SIZE - values.length).toFixed(1)} ${yPosition(ms).toFixed(2)}h0`
          : "",
      )
      .join("");
  return (
    <Panel title="Commit to browser">
      <dl class="grid grid-cols-[1fr_1fr_auto_auto] gap-4 px-4 pb-3">
        <Statistic name="p50" value={summary && formatDuration(Math.max(0, summary.p50))} />
        <Statistic name="p99" value={summary && formatDuration(Math.max(0, summary.p99))} />
        <Statistic name="over 100 ms" value={summary && String(summary.overTarget)} />
        <Statistic name="events" value={String(summary?.count ?? 0)} />
      </dl>
      <div class="relative mr-4 ml-16 h-24">
        {GRID_LINES.map(([label, ms]) => (
          <div
            key={label}
            class={`absolute inset-x-0 border-t ${ms === TARGET_MS ? "border-dashed border-accent" : "border-line"}`}
            style={{ top: `${yPosition(ms)}%` }}
          >
            <span
              class={`absolute -left-14 w-11 -translate-y-1/2 text-right text-[0.6875rem] leading-none whitespace-nowrap ${ms === TARGET_MS ? "font-semibold text-accent" : "text-muted"}`}
              aria-hidden="true"
            >
              {label}
            </span>
          </div>
        ))}
        <svg
          role="img"
          aria-label={`Plot of the last ${values.length} events on a scale from 1 ms to 10 s, with a line at 100 ms`}
          class="absolute inset-0 size-full overflow-visible"
          viewBox={`0 0 ${WINDOW_SIZE} 100`}
          preserveAspectRatio="none"
          fill="none"
          stroke-linecap="round"
          stroke-width="4"
        >
          <path d={dots(false)} class="stroke-accent" vector-effect="non-scaling-stroke" />
          <path d={dots(true)} class="stroke-bad" vector-effect="non-scaling-stroke" />
        </svg>
      </div>
      <p class="px-4 pt-2.5 pb-3 text-xs text-muted">
        The last {WINDOW_SIZE} live events. Compares the database’s clock with this device’s clock.
      </p>
    </Panel>
  );
}

function Statistic({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div>
      <dt class="text-xs whitespace-nowrap text-muted">{name}</dt>
      <dd class="text-lg leading-6 font-semibold">{value ?? "–"}</dd>
    </div>
  );
}
