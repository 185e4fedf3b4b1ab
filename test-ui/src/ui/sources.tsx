// The source list, with its filter, its form and its history slider.
import type { Source } from "@syncscript/client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { formatCount, formatNumber } from "../lib/format";
import { useObservable } from "../lib/observable";
import { currentRows, historicalRows, type SourceRowModel } from "../model/source-rows";
import { VaultHistory } from "../model/vault-history";
import type { VaultModel } from "../model/vault-model";
import { AddSource } from "./add-source";
import { EditSource, RemoveSource } from "./edit-source";
import { HistorySlider } from "./history-slider";
import { Panel } from "./panel";
import { type RowActions, SOURCE_ROW_HEIGHT, SourceRow } from "./source-row";
import { VirtualList } from "./virtual-list";

type OpenDialog = { kind: "edit" | "remove"; row: SourceRowModel & { source: Source } };

/** Shorter lists need no filter. */
const MIN_FILTERED_LENGTH = 8;

export function Sources({ model, class: extra }: { model: VaultModel; class?: string }) {
  const [filter, setFilter] = useState("");
  const [dialog, setDialog] = useState<OpenDialog>();
  const history = useObservable(useMemo(() => new VaultHistory(model.vaultId), [model]));
  const loaded = model.vault !== undefined;
  useEffect(() => {
    if (loaded) void history.detectSupport(model.seq);
  }, [loaded]);

  const past = history.loaded;
  const rows = past ? historicalRows(past.sources, filter) : currentRows(model.sources, model.edits, filter);
  const open = (kind: OpenDialog["kind"]) => (row: SourceRowModel) =>
    row.source && setDialog({ kind, row: { ...row, source: row.source } });
  const actions: RowActions = {
    ...(model.canWrite && !past && { edit: open("edit"), remove: open("remove") }),
    retry: (edit) => model.edits.retry(edit),
    discard: (edit) => model.edits.discard(edit),
  };
  const total = past?.sources.length ?? model.sources.count;
  const DialogComponent = dialog?.kind === "edit" ? EditSource : RemoveSource;

  return (
    <Panel
      title="Sources"
      {...(extra !== undefined && { class: extra })}
      aside={
        <div class="flex items-center gap-3">
          <input
            type="search"
            aria-label="Filter sources"
            placeholder="Filter"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
            class={`field h-8 max-w-52 ${total < MIN_FILTERED_LENGTH && filter === "" ? "invisible" : ""}`}
          />
          <p class="text-xs whitespace-nowrap text-muted" data-testid="source-count">
            {filter.trim() === ""
              ? formatCount(total, "source")
              : `${formatNumber(rows.length)} of ${formatNumber(total)}`}
          </p>
        </div>
      }
    >
      <div class="h-2" />
      <AddSource model={model} />
      {history.supported && model.seq > 1 && <HistorySlider history={history} headSeq={model.seq} />}
      <VirtualList
        items={rows}
        keyOf={(row) => row.key}
        rowHeight={SOURCE_ROW_HEIGHT}
        label={past ? `Sources as of event ${past.seq}` : "Sources, newest first"}
        class="h-[max(24rem,60vh)] lg:h-auto lg:flex-[1_1_0px]"
        empty={
          <p class="grid h-full place-items-center p-8 text-center text-sm text-muted">
            {filter.trim() === "" ? "No sources yet. New sources appear here immediately." : "No matching sources."}
          </p>
        }
      >
        {(row) => <SourceRow row={row} actions={actions} />}
      </VirtualList>
      {dialog && (
        <DialogComponent
          model={model}
          row={dialog.row}
          onClose={() => setDialog(undefined)}
          key={dialog.row.key + dialog.kind}
        />
      )}
    </Panel>
  );
}
