// Which vault? The signed-in user's own, or a new one.
import { useEffect, useState } from "preact/hooks";
import { createVault, type ListedVault, vaults as listVaults, type User } from "../api/api";
import { newKey } from "../api/mutate";
import { vaultAddress } from "../lib/link";
import { number } from "../lib/text";
import { Button, Failure, Field, RoleBadge } from "../ui/controls";
import { Panel } from "../ui/panel";
import { SecondUser } from "../ui/second-user";
import { TopBar } from "../ui/top-bar";

export function ChooserPage({ user }: { user: User }) {
  const [vaults, setVaults] = useState<ListedVault[]>();
  const [failure, setFailure] = useState("");
  const load = async (): Promise<void> => {
    setFailure("");
    try {
      setVaults(await listVaults());
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => {
    document.title = "Vaults · SyncScript";
    void load();
  }, []);
  return (
    <>
      <TopBar user={user} title="Vaults">
        <SecondUser />
      </TopBar>
      <main id="main" tabIndex={-1} class="mx-auto grid w-full max-w-2xl gap-4 p-4 outline-none sm:py-8">
        <Panel title="Choose a vault">
          <div class="p-2">
            {failure && (
              <div class="grid justify-items-start gap-2 p-2">
                <Failure>{failure}</Failure>
                <Button onClick={() => void load()}>Try again</Button>
              </div>
            )}
            {vaults?.length === 0 && (
              <p class="p-2 text-sm text-muted">
                You are a member of no vault yet. Create one, or have an owner add you.
              </p>
            )}
            <ul aria-label="Your vaults">
              {vaults?.map((vault) => (
                <li key={vault.id}>
                  <a href={vaultAddress(vault.id)} class="flex items-center gap-3 rounded-lg px-3 py-3 hover:bg-raised">
                    <span class="min-w-0 flex-1 truncate font-medium">{vault.name}</span>
                    <span class="text-xs whitespace-nowrap text-muted">seq {number(vault.headSeq)}</span>
                    <RoleBadge role={vault.role} />
                  </a>
                </li>
              ))}
            </ul>
          </div>
        </Panel>
        <NewVault />
      </main>
    </>
  );
}

function NewVault() {
  const [name, setName] = useState("");
  const [failure, setFailure] = useState("");
  const [busy, setBusy] = useState(false);
  // The same for all tries with one name, so that it is created once.
  const [key, setKey] = useState(newKey);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setFailure("");
    try {
      location.assign(vaultAddress((await createVault(name, key)).id));
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Panel title="Create a vault">
      <form onSubmit={(event) => void submit(event)} class="grid gap-2 p-4 pt-2 sm:grid-cols-[minmax(0,1fr)_auto]">
        <Field
          label="Name"
          hideLabel
          placeholder="Name of the vault"
          required
          maxLength={200}
          autocomplete="off"
          value={name}
          onInput={(event) => {
            setName(event.currentTarget.value);
            setKey(newKey());
          }}
        />
        <Button look="main" type="submit" disabled={busy}>
          Create vault
        </Button>
        {failure && <Failure>{failure}</Failure>}
      </form>
    </Panel>
  );
}
