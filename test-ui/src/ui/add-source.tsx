// The form that adds a source. For viewers it is disabled, with the reason and a button that tries anyway.
import { useId, useRef, useState } from "preact/hooks";
import type { VaultModel } from "../model/vault-model";
import { Button, Field } from "./controls";

export const MAX_TITLE = 500;
export const MAX_URL = 2048;

export function AddSource({ model }: { model: VaultModel }) {
  const [title, setTitle] = useState("");
  const [fileUrl, setFileUrl] = useState("");
  const form = useRef<HTMLFormElement>(null);
  const noticeId = useId();
  const allowed = model.canWrite;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!allowed) return;
    model.edits.submit({ kind: "create", title, fileUrl });
    setTitle("");
    setFileUrl("");
    form.current?.querySelector("input")?.focus();
  };
  return (
    <div class="border-b border-line px-4 pb-4">
      <form ref={form} aria-label="Add a source" onSubmit={submit}>
        <fieldset
          disabled={!allowed}
          aria-describedby={allowed ? undefined : noticeId}
          class="grid gap-2 sm:grid-cols-[minmax(0,3fr)_minmax(0,4fr)_auto]"
        >
          <legend class="sr-only">Add a source</legend>
          <Field
            label="Title"
            hideLabel
            placeholder="Title"
            required
            maxLength={MAX_TITLE}
            autocomplete="off"
            value={title}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
          <Field
            label="File URL"
            hideLabel
            type="url"
            pattern="[hH][tT][tT][pP][sS]?://.+"
            title="A URL that starts with http:// or https://"
            placeholder="https://example.com/file.pdf"
            required
            maxLength={MAX_URL}
            autocomplete="off"
            value={fileUrl}
            onInput={(event) => setFileUrl(event.currentTarget.value)}
          />
          <Button variant="primary" type="submit">
            Add source
          </Button>
        </fieldset>
      </form>
      {model.role === "viewer" && <ViewerNotice model={model} id={noticeId} />}
    </div>
  );
}

/** Explains that viewers cannot write. The button shows that the server enforces the rule, not only this page. */
function ViewerNotice({ model, id }: { model: VaultModel; id: string }) {
  const [result, setResult] = useState("");
  const [busy, setBusy] = useState(false);
  const attempt = async (): Promise<void> => {
    setBusy(true);
    try {
      const refusal = await model.emitCreate("A viewer's attempt", "https://example.com/attempt.pdf");
      setResult(refusal ? `The server refused: ${refusal.message} (${refusal.code})` : "The server accepted it.");
    } catch {
      setResult("The server did not respond.");
    }
    setBusy(false);
  };
  return (
    <div class="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg bg-raised px-3 py-2 text-sm">
      <p id={id} class="text-muted">
        You are a <strong class="font-semibold text-ink">viewer</strong>: you see every change but cannot make any. An
        owner can change your role.
      </p>
      <Button variant="small" disabled={busy} onClick={() => void attempt()}>
        Try it anyway
      </Button>
      <p role="status" class="basis-full font-medium text-bad empty:hidden">
        {result}
      </p>
    </div>
  );
}
