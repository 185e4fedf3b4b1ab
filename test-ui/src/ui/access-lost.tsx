// Replaces the content of a vault that the user can no longer access.
import type { WatchState } from "@syncscript/client";
import { HOME_PATH } from "../lib/urls";
import { buttonClass } from "./controls";

export function AccessLost({ state, pane }: { state: WatchState; pane: boolean }) {
  const [title, text] = explain(state);
  return (
    <section
      class="m-auto max-w-md rounded-xl border border-line bg-panel p-8 text-center"
      aria-labelledby="access-lost"
    >
      <h2 id="access-lost" class="text-lg font-semibold">
        {title}
      </h2>
      <p class="mt-2 text-sm text-muted">{text}</p>
      <a href={HOME_PATH} target={pane ? "_top" : "_self"} class={buttonClass("primary", "mt-5")}>
        All vaults
      </a>
    </section>
  );
}

function explain(state: WatchState): [title: string, text: string] {
  if (state.status === "removed" && state.reason === "vault-deleted") {
    return ["This vault was deleted", "An owner deleted it, and its content is no longer available."];
  }
  if (state.status === "removed") {
    return ["Your access was removed", "You are no longer a member of this vault. An owner can add you again."];
  }
  return ["Vault not found", "This vault does not exist, or you are not a member of it."];
}
