// The page that lists the user's vaults and creates new ones.
import { useEffect, useState } from "preact/hooks";
import { createVault, fetchVaults, type User, type Vault } from "../api/api";
import { newIdempotencyKey } from "../api/mutate";
import { formatNumber } from "../lib/format";
import { vaultPath } from "../lib/urls";
import { Button, ErrorMessage, Field, RoleBadge } from "../ui/controls";
import { Panel } from "../ui/panel";
import { SecondUser } from "../ui/second-user";
import { TopBar } from "../ui/top-bar";

export function ChooserPage({ user }: { user: User }) {
  const [vaults, setVaults] = useState<Vault[]>();
  const [error, setError] = useState("");
  const load = async (): Promise<void> => {
    setError("");
    try {
      setVaults(await fetchVaults());
    } catch (error) {
      setError(error instanceof Error ? error.message : String(error));
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
            {error && (
              <div class="grid justify-items-start gap-2 p-2">
                <ErrorMessage>{error}</ErrorMessage>
                <Button onClick={() => void load()}>Try again</Button>
              </div>
            )}
            {vaults?.length === 0 && (
              <p class="p-2 text-sm text-muted">
                You don’t belong to any vaults yet. Create one, or ask an owner to add you.
              </p>
            )}
            <ul aria-label="Your vaults">
              {vaults?.map((vault) => (
                <li key={vault.id}>
                  <a href={vaultPath(vault.id)} class="flex items-center gap-3 rounded-lg px-3 py-3 hover:bg-raised">
                    <span class="min-w-0 flex-1 truncate font-medium">{vault.name}</span>
                    <span class="text-xs whitespace-nowrap text-muted">seq {formatNumber(vault.headSeq)}</span>
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
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  // One key for all attempts with the same name, so that the vault is created once.
  const [key, setKey] = useState(newIdempotencyKey);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError("");
    try {
      location.assign(vaultPath((await createVault(name, key)).id));
    } catch (error) {
      setError(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Panel title="Create a vault">
      <form onSubmit={(event) => void submit(event)} class="grid gap-2 p-4 pt-2 sm:grid-cols-[minmax(0,1fr)_auto]">
        <Field
          label="Name"
          hideLabel
          placeholder="Vault name"
          required
          maxLength={200}
          autocomplete="off"
          value={name}
          onInput={(event) => {
            setName(event.currentTarget.value);
            setKey(newIdempotencyKey());
          }}
        />
        <Button variant="primary" type="submit" disabled={busy}>
          Create vault
        </Button>
        {error && <ErrorMessage>{error}</ErrorMessage>}
      </form>
    </Panel>
  );
}
