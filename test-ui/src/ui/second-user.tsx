// How to see the vault as two users at a time. A browser has one session for an address, so two panes are one user; a
// private window, or another name of the same machine, has a session of its own.
import { useState } from "preact/hooks";
import { Button, buttonClass } from "./controls";
import { Dialog } from "./dialog";
import { Icon } from "./icons";

export function SecondUser() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button look="small" onClick={() => setOpen(true)}>
        <Icon name="people" /> Second user
      </Button>
      {open && <HowTo onClose={() => setOpen(false)} />}
    </>
  );
}

function HowTo({ onClose }: { onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const address = location.href;
  const other = otherName();
  // Only a page of https, or of this machine, may write to the clipboard, and the browser may refuse that too. The
  // address can be copied by hand.
  const copy = (): void =>
    void navigator.clipboard.writeText(address).then(
      () => setCopied(true),
      () => {},
    );
  return (
    <Dialog title="Two users at a time" onClose={onClose}>
      <div class="grid gap-4 text-sm">
        <p class="text-muted">
          A browser keeps one session for this address. For a second user, open it in a <strong>private window</strong>{" "}
          (<Keys>Ctrl+Shift+N</Keys>, in Firefox <Keys>Ctrl+Shift+P</Keys>; on a Mac <Keys>⌘</Keys> for{" "}
          <Keys>Ctrl</Keys>) and sign in as someone else. Put the windows side by side.
        </p>
        <div class="flex gap-2">
          <input
            readOnly
            aria-label="Address of this page"
            class="field"
            value={address}
            onFocus={(event) => event.currentTarget.select()}
          />
          {navigator.clipboard && <Button onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}
        </div>
        {other && (
          <>
            <p class="text-muted">
              On this machine it is simpler still: <code class="font-mono text-ink">{other.host}</code> is the same
              server, and a browser takes it for another one, with a session of its own.
            </p>
            <a href={other.href} target="_blank" rel="noopener" class={buttonClass("main", "justify-self-start")}>
              Open as a second user
            </a>
          </>
        )}
      </div>
    </Dialog>
  );
}

function Keys({ children }: { children: string }) {
  return <kbd class="rounded border border-line bg-raised px-1 font-mono text-xs text-ink">{children}</kbd>;
}

/** This page under the other name of this machine, if it is on this machine. */
function otherName(): URL | undefined {
  const names: Record<string, string> = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };
  const name = names[location.hostname];
  if (name === undefined) return undefined;
  const url = new URL(location.href);
  url.hostname = name;
  return url;
}
