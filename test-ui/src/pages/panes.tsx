// Two vaults, or one twice, side by side: each pane is the page itself.
import { useEffect, useState } from "preact/hooks";
import { type ListedVault, vaults as listVaults, type User } from "../api/api";
import { panesAddress, vaultAddress } from "../lib/link";
import { buttonClass } from "../ui/controls";
import { SecondUser } from "../ui/second-user";
import { TopBar } from "../ui/top-bar";

const SIDES = ["Left", "Right"] as const;

export function PanesPage({ user, panes }: { user: User; panes: readonly [string, string] }) {
  const [vaults, setVaults] = useState<ListedVault[]>([]);
  const [chosen, setChosen] = useState(panes);
  useEffect(() => {
    document.title = "Side by side · SyncScript";
    // Without the list the panes work all the same; they cannot be changed, that is all.
    listVaults().then(setVaults, () => {});
  }, []);
  const choose = (side: number, id: string): void => {
    const next: [string, string] = side === 0 ? [id, chosen[1]] : [chosen[0], id];
    setChosen(next);
    history.replaceState(null, "", panesAddress(...next));
  };
  return (
    <div class="flex h-full flex-col">
      <TopBar user={user} title="Side by side">
        <a href={vaultAddress(chosen[0])} class={buttonClass("small")}>
          One pane
        </a>
        <SecondUser />
      </TopBar>
      <main
        id="main"
        tabIndex={-1}
        class="grid min-h-0 flex-1 gap-px bg-line outline-none max-lg:grid-rows-2 lg:grid-cols-2"
      >
        {SIDES.map((name, side) => (
          <section key={name} aria-label={`${name} pane`} class="flex min-h-0 min-w-0 flex-col bg-ground">
            <select
              aria-label={`Vault of the ${name.toLowerCase()} pane`}
              class="field mx-4 mt-3 h-8 w-auto self-start px-1.5 text-xs"
              value={chosen[side]}
              onChange={(event) => choose(side, event.currentTarget.value)}
            >
              {options(vaults, chosen[side] as string).map(({ id, name: label }) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </select>
            <iframe
              key={chosen[side]}
              title={`${name} pane`}
              src={`${vaultAddress(chosen[side] as string)}&pane`}
              class="min-h-0 w-full flex-1 border-0"
            />
          </section>
        ))}
      </main>
    </div>
  );
}

/** The present one is always among them, though it may not be one's own any more. */
function options(vaults: readonly ListedVault[], chosen: string): { id: string; name: string }[] {
  return vaults.some(({ id }) => id === chosen) ? [...vaults] : [{ id: chosen, name: `vault-${chosen}` }, ...vaults];
}
