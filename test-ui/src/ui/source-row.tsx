// One row of the source list: the source, its last author, its latest change, and the available actions.

import { formatTime } from "../lib/format";
import { displayUrl, safeLink } from "../lib/urls";
import type { Edit } from "../model/optimistic-edits";
import type { SourceRowModel } from "../model/source-rows";
import { Badge, Button, IconButton } from "./controls";

export const SOURCE_ROW_HEIGHT = 68;

export interface RowActions {
  /** Undefined for viewers, as `remove`. */
  edit?: (row: SourceRowModel) => void;
  remove?: (row: SourceRowModel) => void;
  retry: (edit: Edit) => void;
  discard: (edit: Edit) => void;
}

const HIGHLIGHT_CLASSES = {
  added: "animate-highlight [--highlight:var(--good-soft)] border-l-good",
  changed: "animate-highlight [--highlight:var(--accent-soft)] border-l-accent",
  removed: "animate-highlight [--highlight:var(--bad-soft)] border-l-bad",
};

const PAST_TENSE = { create: "added", update: "changed", delete: "removed" };

export function SourceRow({ row, actions }: { row: SourceRowModel; actions: RowActions }) {
  const { highlight, edit } = row;
  const removed = highlight === "removed" || (edit?.change.kind === "delete" && edit.status !== "failed");
  return (
    <div
      class={`flex h-full items-center gap-3 border-b border-l-2 border-b-line pr-3 pl-3.5 ${highlight ? HIGHLIGHT_CLASSES[highlight] : "border-l-transparent"}`}
      data-source={row.source?.id}
      data-highlight={highlight}
      data-edit={edit?.status}
    >
      <div class="min-w-0 flex-1">
        <p class={`truncate text-sm font-medium ${removed ? "text-muted line-through" : ""}`}>
          <Title row={row} />
        </p>
        {edit?.status === "failed" ? (
          <p role="alert" class="truncate text-xs text-bad" title={edit.error}>
            Not {PAST_TENSE[edit.change.kind]}. {edit.error}
          </p>
        ) : (
          <Details row={row} />
        )}
      </div>
      <StatusBadge row={row} />
      {edit?.status === "failed" ? (
        <FailureActions row={row} edit={edit} actions={actions} />
      ) : (
        row.source &&
        !removed && (
          <div class="flex shrink-0">
            {actions.edit && (
              <IconButton
                icon="pencil"
                label={`Edit ${row.title}`}
                inactive={edit !== undefined}
                onClick={() => actions.edit?.(row)}
              />
            )}
            {actions.remove && (
              <IconButton
                icon="bin"
                label={`Delete ${row.title}`}
                inactive={edit !== undefined}
                onClick={() => actions.remove?.(row)}
              />
            )}
          </div>
        )
      )}
    </div>
  );
}

function Title({ row }: { row: SourceRowModel }) {
  const href = safeLink(row.fileUrl);
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

function Details({ row: { source, author, highlight, fileUrl } }: { row: SourceRowModel }) {
  const writtenAt = author?.writtenAt ?? source?.updatedAt;
  const verb = highlight === "removed" ? highlight : (source?.version ?? 1) > 1 ? "changed" : "added";
  return (
    <p class="flex items-baseline gap-x-1 text-xs whitespace-nowrap text-muted">
      {writtenAt && source && (
        <span class="shrink-0">
          {verb}{" "}
          {author && (
            <>
              by{" "}
              <span class="inline-block max-w-40 truncate align-bottom font-medium text-ink">
                {author.actor.userName}
              </span>{" "}
            </>
          )}
          <time dateTime={writtenAt}>{formatTime(writtenAt)}</time>
          <span class="max-sm:hidden"> · v{source.version}</span>
        </span>
      )}
      <span class="min-w-0 truncate max-sm:hidden">
        {source && "· "}
        {displayUrl(fileUrl)}
      </span>
    </p>
  );
}

function StatusBadge({ row: { highlight, edit } }: { row: SourceRowModel }) {
  if (edit && edit.status !== "failed") {
    return <Badge tone="busy">{edit.change.kind === "delete" ? "removing…" : "saving…"}</Badge>;
  }
  if (!highlight) return null;
  return <Badge tone={highlight === "added" ? "good" : highlight === "changed" ? "accent" : "bad"}>{highlight}</Badge>;
}

/** The actions for a failed edit. */
function FailureActions({ row, edit, actions }: { row: SourceRowModel; edit: Edit; actions: RowActions }) {
  return (
    <div class="flex shrink-0 gap-1.5">
      {edit.retryable && (
        <Button variant="small" onClick={() => actions.retry(edit)}>
          Try again
        </Button>
      )}
      {edit.change.kind === "update" && !edit.retryable && row.source && actions.edit && (
        <Button variant="small" onClick={() => actions.edit?.(row)}>
          Edit again
        </Button>
      )}
      <Button variant="small" onClick={() => actions.discard(edit)}>
        Discard
      </Button>
    </div>
  );
}
