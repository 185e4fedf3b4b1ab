// One source in the list: what it is, who wrote it and when, what just happened to it, and what one may do with it.

import { shortUrl, webLink } from "../lib/link";
import { clock } from "../lib/text";
import type { Edit } from "../model/edits";
import type { Row } from "../model/rows";
import { Badge, Button, IconButton } from "./controls";

export const SOURCE_ROW = 68;

export interface RowActions {
  /** Undefined for those who may only look. */
  edit?: (row: Row) => void;
  remove?: (row: Row) => void;
  retry: (edit: Edit) => void;
  discard: (edit: Edit) => void;
}

const TINT = {
  added: "animate-mark [--mark:var(--good-soft)] border-l-good",
  changed: "animate-mark [--mark:var(--accent-soft)] border-l-accent",
  removed: "animate-mark [--mark:var(--bad-soft)] border-l-bad",
};

const DONE = { create: "added", update: "changed", delete: "removed" };

export function SourceRow({ row, actions }: { row: Row; actions: RowActions }) {
  const { mark, edit } = row;
  const removed = mark === "removed" || (edit?.change.kind === "delete" && edit.status !== "failed");
  return (
    <div
      class={`flex h-full items-center gap-3 border-b border-l-2 border-b-line pr-3 pl-3.5 ${mark ? TINT[mark] : "border-l-transparent"}`}
      data-source={row.source?.id}
      data-mark={mark}
      data-edit={edit?.status}
    >
      <div class="min-w-0 flex-1">
        <p class={`truncate text-sm font-medium ${removed ? "text-muted line-through" : ""}`}>
          <Title row={row} />
        </p>
        {edit?.status === "failed" ? (
          <p role="alert" class="truncate text-xs text-bad" title={edit.reason}>
            Not {DONE[edit.change.kind]}. {edit.reason}
          </p>
        ) : (
          <Details row={row} />
        )}
      </div>
      <State row={row} />
      {edit?.status === "failed" ? (
        <Repair row={row} edit={edit} actions={actions} />
      ) : (
        row.source &&
        !removed && (
          <div class="flex shrink-0">
            {actions.edit && (
              <IconButton
                icon="pencil"
                label={`Edit ${row.title}`}
                idle={edit !== undefined}
                onClick={() => actions.edit?.(row)}
              />
            )}
            {actions.remove && (
              <IconButton
                icon="bin"
                label={`Delete ${row.title}`}
                idle={edit !== undefined}
                onClick={() => actions.remove?.(row)}
              />
            )}
          </div>
        )
      )}
    </div>
  );
}

function Title({ row }: { row: Row }) {
  const href = webLink(row.fileUrl);
  if (!href) return <>{row.title}</>;
  return (
    <a
      href={href}
      target="_blank"
      rel="noopener noreferrer"
      class="rounded-sm hover:text-accent hover:underline"
      title={row.title}
    >
      {row.title}
    </a>
  );
}

function Details({ row: { source, by, mark, fileUrl } }: { row: Row }) {
  const at = by?.at ?? source?.updatedAt;
  const verb = mark === "removed" ? mark : (source?.version ?? 1) > 1 ? "changed" : "added";
  return (
    <p class="flex items-baseline gap-x-1 text-xs whitespace-nowrap text-muted">
      {at && source && (
        <span class="shrink-0">
          {verb}{" "}
          {by && (
            <>
              by{" "}
              <span class="inline-block max-w-40 truncate align-bottom font-medium text-ink">
                {by.actor.userName}
              </span>{" "}
            </>
          )}
          <time dateTime={at}>{clock(at)}</time>
          <span class="max-sm:hidden"> · v{source.version}</span>
        </span>
      )}
      <span class="min-w-0 truncate max-sm:hidden">
        {source && "· "}
        {shortUrl(fileUrl)}
      </span>
    </p>
  );
}

function State({ row: { mark, edit } }: { row: Row }) {
  if (edit && edit.status !== "failed") {
    return <Badge tone="busy">{edit.change.kind === "delete" ? "removing…" : "saving…"}</Badge>;
  }
  if (!mark) return null;
  return <Badge tone={mark === "added" ? "good" : mark === "changed" ? "accent" : "bad"}>{mark}</Badge>;
}

/** What to do about a change that was not made. */
function Repair({ row, edit, actions }: { row: Row; edit: Edit; actions: RowActions }) {
  return (
    <div class="flex shrink-0 gap-1.5">
      {edit.retryable && (
        <Button look="small" onClick={() => actions.retry(edit)}>
          Try again
        </Button>
      )}
      {edit.change.kind === "update" && !edit.retryable && row.source && actions.edit && (
        <Button look="small" onClick={() => actions.edit?.(row)}>
          Edit again
        </Button>
      )}
      <Button look="small" onClick={() => actions.discard(edit)}>
        Discard
      </Button>
    </div>
  );
}
