// The dialogs that edit and remove a source.
import type { Source } from "@syncscript/client";
import { useState } from "preact/hooks";
import { quote } from "../lib/format";
import type { SourceRowModel } from "../model/source-rows";
import type { VaultModel } from "../model/vault-model";
import { MAX_TITLE, MAX_URL } from "./add-source";
import { Button, Field } from "./controls";
import { Dialog } from "./dialog";

interface Props {
  model: VaultModel;
  row: SourceRowModel & { source: Source };
  onClose: () => void;
}

/**
 * The edit is based on the version that the form was filled from. If someone else changes the source first, the dialog
 * says so, and the user decides which text to continue with. If the user saves without deciding, the server rejects the
 * edit (412).
 */
export function EditSource({ model, row, onClose }: Props) {
  const failed = row.edit?.status === "failed" && row.edit.change.kind === "update" ? row.edit.change : undefined;
  const serverSource = row.edit?.serverSource;
  const [base, setBase] = useState<Source>(failed?.source ?? row.source);
  const [title, setTitle] = useState(failed?.title ?? base.title);
  const [fileUrl, setFileUrl] = useState(failed?.fileUrl ?? base.fileUrl);
  const entry = model.sources.entries.get(base.id);
  const removed = entry === undefined || entry.highlight?.kind === "removed";
  const current =
    entry && (!serverSource || entry.source.version >= serverSource.version) ? entry.source : serverSource;
  const newer = current && current.version > base.version ? current : undefined;

  const save = (event: Event): void => {
    event.preventDefault();
    if (title !== base.title || fileUrl !== base.fileUrl) {
      model.edits.submit({ kind: "update", source: base, title, fileUrl });
    }
    onClose();
  };
  const useVersion = (source: Source): void => {
    setBase(source);
    setTitle(source.title);
    setFileUrl(source.fileUrl);
  };

  return (
    <Dialog title="Edit source" onClose={onClose}>
      <form onSubmit={save} class="grid gap-4">
        {newer && !removed && (
          <div role="alert" class="grid gap-2 rounded-lg bg-busy-soft p-3 text-sm">
            <p>
              <strong class="font-semibold text-busy">
                {entry?.author?.actor.userName ?? "Someone"} changed this source while you were editing.
              </strong>{" "}
              Version {newer.version}:
            </p>
            <p class="break-words">
              {quote(newer.title, 200)} <span class="break-all text-muted">{newer.fileUrl}</span>
            </p>
            <div class="flex flex-wrap gap-2">
              <Button variant="small" onClick={() => useVersion(newer)}>
                Use this version
              </Button>
              <Button variant="small" onClick={() => setBase(newer)}>
                Keep mine
              </Button>
            </div>
          </div>
        )}
        {removed && (
          <p role="alert" class="rounded-lg bg-bad-soft p-3 text-sm text-bad">
            Someone removed this source while you were editing.
          </p>
        )}
        <Field
          label="Title"
          required
          maxLength={MAX_TITLE}
          autocomplete="off"
          value={title}
          onInput={(event) => setTitle(event.currentTarget.value)}
        />
        <Field
          label="File URL"
          type="url"
          pattern="[hH][tT][tT][pP][sS]?://.+"
          title="A URL that starts with http:// or https://"
          required
          maxLength={MAX_URL}
          autocomplete="off"
          value={fileUrl}
          onInput={(event) => setFileUrl(event.currentTarget.value)}
        />
        <div class="flex items-center justify-end gap-2">
          <p class="mr-auto text-xs text-muted">Based on version {base.version}</p>
          <Button onClick={onClose}>Cancel</Button>
          <Button variant="primary" type="submit" disabled={removed || !model.canWrite}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function RemoveSource({ model, row, onClose }: Props) {
  return (
    <Dialog title="Remove this source?" onClose={onClose}>
      <p class="text-sm break-words text-muted">This removes {quote(row.title, 200)} from everyone’s list.</p>
      <div class="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          variant="danger"
          onClick={() => {
            model.edits.submit({ kind: "delete", source: row.source });
            onClose();
          }}
        >
          Remove
        </Button>
      </div>
    </Dialog>
  );
}
