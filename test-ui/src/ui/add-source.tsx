// The form that adds a source; for viewers, why it is off, and a try all the same.
import { useId, useRef, useState } from "preact/hooks";
import type { VaultModel } from "../model/vault-model";
import { Button, Field } from "./controls";

export const MAX_TITLE = 500;
export const MAX_URL = 2048;

export function AddSource({ model }: { model: VaultModel }) {
  const [title, setTitle] = useState("");
  const [fileUrl, setFileUrl] = useState("");
  const first = useRef<HTMLFormElement>(null);
  const why = useId();
  const allowed = model.mayWrite;
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!allowed) return;
    model.edits.make({ kind: "create", title, fileUrl });
    setTitle("");
    setFileUrl("");
    first.current?.querySelector("input")?.focus();
  };
  return (
    <div class="border-b border-line px-4 pb-4">
      <form ref={first} aria-label="Add a source" onSubmit={submit}>
        <fieldset
          disabled={!allowed}
          aria-describedby={allowed ? undefined : why}
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
            label="Address of the file"
            hideLabel
            type="url"
            pattern="[hH][tT][tT][pP][sS]?://.+"
            title="An address that begins with http:// or https://"
            placeholder="https://example.com/file.pdf"
            required
            maxLength={MAX_URL}
            autocomplete="off"
            value={fileUrl}
            onInput={(event) => setFileUrl(event.currentTarget.value)}
          />
          <Button look="main" type="submit">
            Add source
          </Button>
        </fieldset>
      </form>
      {model.role === "viewer" && <Forbidden model={model} id={why} />}
    </div>
  );
}

/** Viewers may listen only. They need not take this page's word for it. */
function Forbidden({ model, id }: { model: VaultModel; id: string }) {
  const [answer, setAnswer] = useState("");
  const [asking, setAsking] = useState(false);
  const attempt = async (): Promise<void> => {
    setAsking(true);
    try {
      const refusal = await model.emitCreate("A viewer's attempt", "https://example.com/attempt.pdf");
      setAnswer(refusal ? `The server refused: ${refusal.message} (${refusal.code})` : "The server accepted it.");
    } catch {
      setAnswer("The server did not answer.");
    }
    setAsking(false);
  };
  return (
    <div class="mt-3 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-lg bg-raised px-3 py-2 text-sm">
      <p id={id} class="text-muted">
        You are a <strong class="font-semibold text-ink">viewer</strong>: you see every change, and make none. An owner
        can change that.
      </p>
      <Button look="small" disabled={asking} onClick={() => void attempt()}>
        Try it anyway
      </Button>
      <p role="status" class="basis-full font-medium text-bad empty:hidden">
        {answer}
      </p>
    </div>
  );
}
