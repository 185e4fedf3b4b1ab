// A modal dialog. The browser's dialog element keeps the focus inside, closes on Escape and returns the focus.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { IconButton } from "./controls";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const opener = document.activeElement;
    const container = opener?.parentElement?.closest<HTMLElement>("[tabindex]");
    dialog.current?.showModal();
    return () => {
      // The opener may no longer exist, for example the row of a removed source. Then the container gets the focus.
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      else container?.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onClose={onClose}
      class="m-auto w-[min(32rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-0 text-ink shadow-2xl backdrop:bg-shade"
    >
      <div class="flex items-center justify-between gap-3 px-5 pt-4">
        <h2 id={heading} class="text-base font-semibold">
          {title}
        </h2>
        <IconButton icon="cross" label="Close" onClick={() => dialog.current?.close()} />
      </div>
      <div class="px-5 pt-2 pb-5">{children}</div>
    </dialog>
  );
}
