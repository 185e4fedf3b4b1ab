// The status of the connection. Always visible.
import { formatCount, formatDuration, formatNumber } from "../lib/format";
import { connectionLabel, type Tone } from "../model/connection-label";
import type { VaultModel } from "../model/vault-model";

const TONE_CLASSES: Record<Tone, { box: string; dot: string }> = {
  good: { box: "bg-good-soft text-good", dot: "bg-good" },
  busy: { box: "bg-busy-soft text-busy", dot: "bg-busy animate-beat" },
  bad: { box: "bg-bad-soft text-bad", dot: "bg-bad" },
};

export function StatusBar({ model }: { model: VaultModel }) {
  const { state, outage } = model;
  const loaded = model.vault !== undefined;
  const label = connectionLabel(state, model.vaultId, model.receivedEvents, loaded);
  const { tone, text, announcement = text } = label;
  const { box, dot } = TONE_CLASSES[tone];
  const live = state.status === "live";
  return (
    <div class="flex min-h-7 flex-wrap items-center gap-x-4 gap-y-1.5 text-sm">
      <p class={`inline-flex min-h-7 max-w-full items-center gap-2 rounded-full px-3 py-0.5 font-medium ${box}`}>
        <span class={`size-2 shrink-0 rounded-full ${dot}`} aria-hidden="true" />
        <span class="min-w-0 break-all" data-testid="connection">
          {text}
        </span>
      </p>
      <p role="status" class="sr-only">
        {announcement}
      </p>
      {model.vault && (
        <p class={live ? "text-ink" : "text-muted"} data-testid="position">
          {live ? "Live at" : "As of"} seq <span class="font-semibold">{formatNumber(model.seq)}</span>
        </p>
      )}
      {outage && live && (
        <p class="text-muted" data-testid="outage">
          Reconnected after {formatDuration(outage.ms)}, {formatCount(outage.events, "event")} caught up
        </p>
      )}
    </div>
  );
}
