// What is left of a vault that one may not see any more: nothing of its content.
import type { WatchState } from "@syncscript/client";
import { HOME } from "../lib/link";
import { buttonClass } from "./controls";

export function Over({ state, pane }: { state: WatchState; pane: boolean }) {
  const [title, text] = explain(state);
  return (
    <section class="m-auto max-w-md rounded-xl border border-line bg-panel p-8 text-center" aria-labelledby="over">
      <h2 id="over" class="text-lg font-semibold">
        {title}
      </h2>
      <p class="mt-2 text-sm text-muted">{text}</p>
      <a href={HOME} target={pane ? "_top" : "_self"} class={buttonClass("main", "mt-5")}>
        All vaults
      </a>
    </section>
  );
}

function explain(state: WatchState): [title: string, text: string] {
  if (state.status === "removed" && state.reason === "vault-deleted") {
    return ["This vault was deleted", "Its owner deleted it. Nothing of it is shown any more."];
  }
  if (state.status === "removed") {
    return ["Your access was removed", "You are no longer a member of this vault. An owner can add you again."];
  }
  return ["There is nothing here for you", "This vault does not exist, or you are not a member of it."];
}
