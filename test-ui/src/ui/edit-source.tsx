// Changing and removing a source.
import type { Source } from "@syncscript/client";
import { useState } from "preact/hooks";
import { quoted } from "../lib/text";
import type { Row } from "../model/rows";
import type { VaultModel } from "../model/vault-model";
import { MAX_TITLE, MAX_URL } from "./add-source";
import { Button, Field } from "./controls";
import { Dialog } from "./dialog";

interface Props {
  model: VaultModel;
  row: Row & { source: Source };
  onClose: () => void;
}

/**
 * The change is made at the version that the form was filled from. If another comes first, this says so, and whoever is
 * editing decides which text to go on with; saved without a look at it, the change is refused by the server (412).
 */
export function EditSource({ model, row, onClose }: Props) {
  const failed = row.edit?.status === "failed" && row.edit.change.kind === "update" ? row.edit.change : undefined;
  const theirs = row.edit?.theirs;
  const [base, setBase] = useState<Source>(failed?.source ?? row.source);
  const [title, setTitle] = useState(failed?.title ?? base.title);
  const [fileUrl, setFileUrl] = useState(failed?.fileUrl ?? base.fileUrl);
  const entry = model.book.entries.get(base.id);
  const gone = entry === undefined || entry.mark?.kind === "removed";
  const current = entry && (!theirs || entry.source.version >= theirs.version) ? entry.source : theirs;
  const newer = current && current.version > base.version ? current : undefined;

  const save = (event: Event): void => {
    event.preventDefault();
    if (title !== base.title || fileUrl !== base.fileUrl) {
      model.edits.make({ kind: "update", source: base, title, fileUrl });
    }
    onClose();
  };
  const take = (source: Source): void => {
    setBase(source);
    setTitle(source.title);
    setFileUrl(source.fileUrl);
  };

  return (
    <Dialog title="Edit source" onClose={onClose}>
      <form onSubmit={save} class="grid gap-4">
        {newer && !gone && (
          <div role="alert" class="grid gap-2 rounded-lg bg-busy-soft p-3 text-sm">
            <p>
              <strong class="font-semibold text-busy">Changed meanwhile</strong>
              {entry?.by && ` by ${entry.by.actor.userName}`}. Version {newer.version} is now:
            </p>
            <p class="break-words">
              {quoted(newer.title, 200)} <span class="break-all text-muted">{newer.fileUrl}</span>
            </p>
            <div class="flex flex-wrap gap-2">
              <Button look="small" onClick={() => take(newer)}>
                Take that text
              </Button>
              <Button look="small" onClick={() => setBase(newer)}>
                Keep mine
              </Button>
            </div>
          </div>
        )}
        {gone && (
          <p role="alert" class="rounded-lg bg-bad-soft p-3 text-sm text-bad">
            Someone removed this source meanwhile.
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
          label="Address of the file"
          type="url"
          pattern="[hH][tT][tT][pP][sS]?://.+"
          title="An address that begins with http:// or https://"
          required
          maxLength={MAX_URL}
          autocomplete="off"
          value={fileUrl}
          onInput={(event) => setFileUrl(event.currentTarget.value)}
        />
        <div class="flex items-center justify-end gap-2">
          <p class="mr-auto text-xs text-muted">Over version {base.version}</p>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" type="submit" disabled={gone || !model.mayWrite}>
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
      <p class="text-sm break-words text-muted">{quoted(row.title, 200)} goes from everyone’s list.</p>
      <div class="mt-5 flex justify-end gap-2">
        <Button onClick={onClose}>Cancel</Button>
        <Button
          look="danger"
          onClick={() => {
            model.edits.make({ kind: "delete", source: row.source });
            onClose();
          }}
        >
          Remove
        </Button>
      </div>
    </Dialog>
  );
}
