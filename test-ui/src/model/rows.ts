// The list of sources, row by row: what the book has, and the edits over it.
import type { Source } from "@syncscript/client";
import type { Book, By, MarkKind } from "./book";
import type { Edit, Edits } from "./edits";

export interface Row {
  key: string;
  /** As the vault has it; undefined while it is only asked for. */
  source?: Source;
  title: string;
  fileUrl: string;
  by?: By;
  mark?: MarkKind;
  /** Being changed, or failed to be. */
  edit?: Edit;
}

/** Newest first; with a filter those that have it in title or address. */
export function rowsOf(book: Book, edits: Edits, filter: string): Row[] {
  const rows: Row[] = [];
  const latest = new Map<string, Edit>();
  for (const edit of edits.all) {
    if (edit.change.kind === "create") {
      // Its source may be here before the answer.
      if (edit.twin === undefined || !book.entries.has(edit.twin)) rows.unshift(createdRow(edit, edit.change));
    } else {
      latest.set(edit.change.source.id, edit);
    }
  }
  const sources: Row[] = [];
  for (const { source, by, mark } of book.entries.values()) {
    const edit = mark?.kind === "removed" ? undefined : latest.get(source.id);
    sources.push({
      key: source.id,
      source,
      ...textOf(source, edit),
      ...(by && { by }),
      ...(mark && { mark: mark.kind }),
      ...(edit && { edit }),
    });
  }
  for (let i = sources.length - 1; i >= 0; i--) rows.push(sources[i] as Row);
  return filtered(rows, filter);
}

/** The list as of an earlier event. */
export function rowsThen(sources: readonly Source[], filter: string): Row[] {
  const rows = sources.map((source) => ({
    key: source.id,
    source,
    title: source.title,
    fileUrl: source.fileUrl,
  }));
  return filtered(rows.reverse(), filter);
}

function createdRow(edit: Edit, { title, fileUrl }: { title: string; fileUrl: string }): Row {
  return { key: edit.key, title, fileUrl, edit };
}

/** What is hoped for is shown over the version it was made at. Over a later one, that one is true. */
function textOf(source: Source, edit: Edit | undefined): { title: string; fileUrl: string } {
  const change = edit?.change;
  if (change?.kind === "update" && edit?.status !== "failed" && change.source.version === source.version) {
    return { title: change.title, fileUrl: change.fileUrl };
  }
  return { title: source.title, fileUrl: source.fileUrl };
}

function filtered(rows: Row[], filter: string): Row[] {
  const wanted = filter.trim().toLowerCase();
  if (wanted === "") return rows;
  return rows.filter(
    ({ title, fileUrl, edit }) => edit?.status === "failed" || `${title}\n${fileUrl}`.toLowerCase().includes(wanted),
  );
}
