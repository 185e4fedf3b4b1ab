// The rows of the source list: the vault's sources, with the user's own edits on top.
import type { Source } from "@syncscript/client";
import type { Edit, OptimisticEdits } from "./optimistic-edits";
import type { Author, HighlightKind, SourceList } from "./source-list";

export interface SourceRowModel {
  key: string;
  /** The source as the vault has it. Undefined until the vault has it. */
  source?: Source;
  title: string;
  fileUrl: string;
  author?: Author;
  highlight?: HighlightKind;
  /** A pending or failed edit. */
  edit?: Edit;
}

/** Returns the rows, newest first. A filter keeps those that contain it in the title or the URL. */
export function currentRows(list: SourceList, edits: OptimisticEdits, filter: string): SourceRowModel[] {
  const rows: SourceRowModel[] = [];
  const latestEdits = new Map<string, Edit>();
  for (const edit of edits.all) {
    if (edit.change.kind === "create") {
      // The created source may be listed before the response arrives.
      if (edit.createdId === undefined || !list.entries.has(edit.createdId)) {
        rows.unshift(createdRow(edit, edit.change));
      }
    } else {
      latestEdits.set(edit.change.source.id, edit);
    }
  }
  const sourceRows: SourceRowModel[] = [];
  for (const { source, author, highlight } of list.entries.values()) {
    const edit = highlight?.kind === "removed" ? undefined : latestEdits.get(source.id);
    sourceRows.push({
      key: source.id,
      source,
      ...displayedText(source, edit),
      ...(author && { author }),
      ...(highlight && { highlight: highlight.kind }),
      ...(edit && { edit }),
    });
  }
  for (let i = sourceRows.length - 1; i >= 0; i--) rows.push(sourceRows[i] as SourceRowModel);
  return filterRows(rows, filter);
}

/** Returns the rows as of an earlier event. */
export function historicalRows(sources: readonly Source[], filter: string): SourceRowModel[] {
  const rows = sources.map((source) => ({
    key: source.id,
    source,
    title: source.title,
    fileUrl: source.fileUrl,
  }));
  return filterRows(rows.reverse(), filter);
}

function createdRow(edit: Edit, { title, fileUrl }: { title: string; fileUrl: string }): SourceRowModel {
  return { key: edit.key, title, fileUrl, edit };
}

/** Returns the edited text only while the source has the version that was edited. A later version is shown as it is. */
function displayedText(source: Source, edit: Edit | undefined): { title: string; fileUrl: string } {
  const change = edit?.change;
  if (change?.kind === "update" && edit?.status !== "failed" && change.source.version === source.version) {
    return { title: change.title, fileUrl: change.fileUrl };
  }
  return { title: source.title, fileUrl: source.fileUrl };
}

function filterRows(rows: SourceRowModel[], filter: string): SourceRowModel[] {
  const text = filter.trim().toLowerCase();
  if (text === "") return rows;
  return rows.filter(
    ({ title, fileUrl, edit }) => edit?.status === "failed" || `${title}\n${fileUrl}`.toLowerCase().includes(text),
  );
}
