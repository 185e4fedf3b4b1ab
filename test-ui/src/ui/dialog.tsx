// Questions that want an answer before anything else. The platform's dialog keeps the focus inside, closes with Escape
// and gives the focus back.
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
    const around = opener?.parentElement?.closest<HTMLElement>("[tabindex]");
    dialog.current?.showModal();
    return () => {
      // What opened it may be gone by now, as the source that was removed is; then on with what it stood in.
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
      else around?.focus();
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
