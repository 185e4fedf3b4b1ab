// Explains how to use the vault as two users at the same time. A browser has one session per host name, so two panes
// show the same user. A private window, or another name of the same machine, has its own session.
import { useState } from "preact/hooks";
import { Button, buttonClass } from "./controls";
import { Dialog } from "./dialog";
import { Icon } from "./icons";

export function SecondUser() {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button variant="small" onClick={() => setOpen(true)}>
        <Icon name="people" /> Second user
      </Button>
      {open && <SecondUserDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function SecondUserDialog({ onClose }: { onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const address = location.href;
  const otherUrl = otherLocalUrl();
  // Only https pages and pages of this machine may write to the clipboard, and the browser may still refuse. The user
  // can copy the address by hand.
  const copy = (): void =>
    void navigator.clipboard.writeText(address).then(
      () => setCopied(true),
      () => {},
    );
  return (
    <Dialog title="Two users at the same time" onClose={onClose}>
      <div class="grid gap-4 text-sm">
        <p class="text-muted">
          A browser keeps one session per address. To sign in as a second user, open this address in a{" "}
          <strong>private window</strong> (<Keys>Ctrl+Shift+N</Keys>, in Firefox <Keys>Ctrl+Shift+P</Keys>; on a Mac,{" "}
          <Keys>⌘</Keys> instead of <Keys>Ctrl</Keys>) and sign in as someone else. Then place the windows side by side.
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
        {otherUrl && (
          <>
            <p class="text-muted">
              On this machine there is a simpler way: <code class="font-mono text-ink">{otherUrl.host}</code> is the
              same server, but the browser treats it as another site with its own session.
            </p>
            <a href={otherUrl.href} target="_blank" rel="noopener" class={buttonClass("primary", "justify-self-start")}>
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

/** Returns this page's URL with the other name of this machine, if the server runs on this machine. */
function otherLocalUrl(): URL | undefined {
  const names: Record<string, string> = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };
  const name = names[location.hostname];
  if (name === undefined) return undefined;
  const url = new URL(location.href);
  url.hostname = name;
  return url;
}
