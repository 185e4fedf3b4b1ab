// The time from commit to this page of the last events, with the promised 100 ms drawn in.
//
// The scale is logarithmic and fixed, so that nothing moves but the dots: each line is ten times the one below, and the
// promise is the middle.
import { duration } from "../lib/text";
import { KEPT, PROMISE } from "../model/delays";
import type { VaultModel } from "../model/vault-model";
import { Panel } from "./panel";

const DECADES = 4;
const LINES: readonly [label: string, ms: number][] = [
  ["10 s", 10_000],
  ["1 s", 1_000],
  ["100 ms", 100],
  ["10 ms", 10],
  ["1 ms", 1],
];

/** From the top, in percent. */
const height = (ms: number): number => 100 - (100 * Math.log10(Math.max(1, Math.min(ms, 10 ** DECADES)))) / DECADES;

export function DelaysPlot({ model }: { model: VaultModel }) {
  const { all } = model.delays;
  const summary = model.delays.summary();
  const dots = (late: boolean): string =>
    all
      .map((ms, i) =>
        ms > PROMISE === late ? `M${(i + 0.5 + KEPT - all.length).toFixed(1)} ${height(ms).toFixed(2)}h0` : "",
      )
      .join("");
  return (
    <Panel title="Commit to browser">
      <dl class="grid grid-cols-[1fr_1fr_auto_auto] gap-4 px-4 pb-3">
        <Value name="p50" value={summary && duration(Math.max(0, summary.p50))} />
        <Value name="p99" value={summary && duration(Math.max(0, summary.p99))} />
        <Value name="over 100 ms" value={summary && String(summary.late)} />
        <Value name="events" value={String(summary?.count ?? 0)} />
      </dl>
      <div class="relative mr-4 ml-16 h-24">
        {LINES.map(([label, ms]) => (
          <div
            key={label}
            class={`absolute inset-x-0 border-t ${ms === PROMISE ? "border-dashed border-accent" : "border-line"}`}
            style={{ top: `${height(ms)}%` }}
          >
            <span
              class={`absolute -left-14 w-11 -translate-y-1/2 text-right text-[0.6875rem] leading-none whitespace-nowrap ${ms === PROMISE ? "font-semibold text-accent" : "text-muted"}`}
              aria-hidden="true"
            >
              {label}
            </span>
          </div>
        ))}
        <svg
          role="img"
          aria-label={`Plot of the last ${all.length} events on a scale from 1 ms to 10 s, with a line at 100 ms`}
          class="absolute inset-0 size-full overflow-visible"
          viewBox={`0 0 ${KEPT} 100`}
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
        The last {KEPT} live events. Two clocks are compared, the database’s and this device’s.
      </p>
    </Panel>
  );
}

function Value({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div>
      <dt class="text-xs whitespace-nowrap text-muted">{name}</dt>
      <dd class="text-lg leading-6 font-semibold">{value ?? "–"}</dd>
    </div>
  );
}
