// The list of sources, with what can be done to it.
import type { Source } from "@syncscript/client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { useObservable } from "../lib/observable";
import { count, number } from "../lib/text";
import { History } from "../model/history";
import { type Row, rowsOf, rowsThen } from "../model/rows";
import type { VaultModel } from "../model/vault-model";
import { AddSource } from "./add-source";
import { EditSource, RemoveSource } from "./edit-source";
import { HistorySlider } from "./history-slider";
import { Panel } from "./panel";
import { type RowActions, SOURCE_ROW, SourceRow } from "./source-row";
import { VirtualList } from "./virtual-list";

type Asked = { what: "edit" | "remove"; row: Row & { source: Source } };

/** Lists shorter than this are seen through without a filter. */
const FILTER_FROM = 8;

export function Sources({ model, class: extra }: { model: VaultModel; class?: string }) {
  const [filter, setFilter] = useState("");
  const [asked, setAsked] = useState<Asked>();
  const history = useObservable(useMemo(() => new History(model.vaultId), [model]));
  const loaded = model.vault !== undefined;
  useEffect(() => {
    if (loaded) void history.detect(model.seq);
  }, [loaded]);

  const then = history.shown;
  const rows = then ? rowsThen(then.sources, filter) : rowsOf(model.book, model.edits, filter);
  const ask = (what: Asked["what"]) => (row: Row) =>
    row.source && setAsked({ what, row: { ...row, source: row.source } });
  const actions: RowActions = {
    ...(model.mayWrite && !then && { edit: ask("edit"), remove: ask("remove") }),
    retry: (edit) => model.edits.retry(edit),
    discard: (edit) => model.edits.discard(edit),
  };
  const total = then?.sources.length ?? model.book.count;
  const Question = asked?.what === "edit" ? EditSource : RemoveSource;

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
            class={`field h-8 max-w-52 ${total < FILTER_FROM && filter === "" ? "invisible" : ""}`}
          />
          <p class="text-xs whitespace-nowrap text-muted" data-testid="source-count">
            {filter.trim() === "" ? count(total, "source") : `${number(rows.length)} of ${number(total)}`}
          </p>
        </div>
      }
    >
      <div class="h-2" />
      <AddSource model={model} />
      {history.offered && model.seq > 1 && <HistorySlider history={history} head={model.seq} />}
      <VirtualList
        items={rows}
        keyOf={(row) => row.key}
        rowHeight={SOURCE_ROW}
        label={then ? `Sources as of event ${then.seq}` : "Sources, newest first"}
        class="h-[max(24rem,60vh)] lg:h-auto lg:flex-[1_1_0px]"
        empty={
          <p class="grid h-full place-items-center p-8 text-center text-sm text-muted">
            {filter.trim() === "" ? "No sources yet. What members add shows here at once." : "No source matches."}
          </p>
        }
      >
        {(row) => <SourceRow row={row} actions={actions} />}
      </VirtualList>
      {asked && (
        <Question model={model} row={asked.row} onClose={() => setAsked(undefined)} key={asked.row.key + asked.what} />
      )}
    </Panel>
  );
}
