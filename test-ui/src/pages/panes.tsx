// Two vaults side by side, or the same vault twice. Each pane is a frame with the vault page.
import { useEffect, useState } from "preact/hooks";
import { fetchVaults, type User, type Vault } from "../api/api";
import { panesPath, vaultPath } from "../lib/urls";
import { buttonClass } from "../ui/controls";
import { SecondUser } from "../ui/second-user";
import { TopBar } from "../ui/top-bar";

const SIDES = ["Left", "Right"] as const;

export function PanesPage({ user, panes }: { user: User; panes: readonly [string, string] }) {
  const [vaults, setVaults] = useState<Vault[]>([]);
  const [selected, setSelected] = useState(panes);
  useEffect(() => {
    document.title = "Side by side · SyncScript";
    // Without the list, the panes work, but the user cannot select other vaults.
    fetchVaults().then(setVaults, () => {});
  }, []);
  const select = (side: number, id: string): void => {
    const next: [string, string] = side === 0 ? [id, selected[1]] : [selected[0], id];
    setSelected(next);
    history.replaceState(null, "", panesPath(...next));
  };
  return (
    <div class="flex h-full flex-col">
      <TopBar user={user} title="Side by side">
        <a href={vaultPath(selected[0])} class={buttonClass("small")}>
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
              value={selected[side]}
              onChange={(event) => select(side, event.currentTarget.value)}
            >
              {vaultOptions(vaults, selected[side] as string).map(({ id, name: label }) => (
                <option key={id} value={id}>
                  {label}
                </option>
              ))}
            </select>
            <iframe
              key={selected[side]}
              title={`${name} pane`}
              src={`${vaultPath(selected[side] as string)}&pane`}
              class="min-h-0 w-full flex-1 border-0"
            />
          </section>
        ))}
      </main>
    </div>
  );
}

/** Returns the selectable vaults. Includes the selected vault even if the user is no longer a member. */
function vaultOptions(vaults: readonly Vault[], selectedId: string): { id: string; name: string }[] {
  return vaults.some(({ id }) => id === selectedId)
    ? [...vaults]
    : [{ id: selectedId, name: `vault-${selectedId}` }, ...vaults];
}
