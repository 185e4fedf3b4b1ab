// The page of one live vault. Within a pane, the top bar is left out, because the surrounding page has one.
import { useEffect, useMemo } from "preact/hooks";
import type { User } from "../api/api";
import { useObservable } from "../lib/observable";
import { panesPath, redirectToLogin } from "../lib/urls";
import { VaultModel } from "../model/vault-model";
import { AccessLost } from "../ui/access-lost";
import { buttonClass, RoleBadge } from "../ui/controls";
import { Events } from "../ui/events";
import { Icon } from "../ui/icons";
import { LatencyPlot } from "../ui/latency-plot";
import { Members } from "../ui/members";
import { SecondUser } from "../ui/second-user";
import { Sources } from "../ui/sources";
import { StatusBar } from "../ui/status-bar";
import { TopBar } from "../ui/top-bar";

interface Props {
  vaultId: string;
  user: User;
  pane: boolean;
}

export function VaultPage({ vaultId, user, pane }: Props) {
  const model = useObservable(
    useMemo(() => new VaultModel(vaultId, user, () => redirectToLogin("ended")), [vaultId, user]),
  );
  useEffect(() => () => model.close(), [model]);
  const { state } = model;
  const name = model.vault?.name;
  useEffect(() => {
    document.title = name === undefined ? "SyncScript" : `${name} · SyncScript`;
  }, [name]);

  const title = (
    <span class="flex min-w-0 items-center gap-2">
      <span class="truncate" title={name}>
        {name ?? "Vault"}
      </span>
      {model.role && <RoleBadge role={model.role} />}
    </span>
  );
  const accessLost = state.status === "removed" || state.status === "denied";
  return (
    <div class="flex min-h-full flex-col lg:h-full">
      {pane ? (
        <header class="px-4 pt-3">
          <h1 class="text-base font-semibold">{title}</h1>
        </header>
      ) : (
        <TopBar user={user} title={title}>
          <a href={panesPath(vaultId, vaultId)} class={buttonClass("small")}>
            <Icon name="panes" /> Side by side
          </a>
          <SecondUser />
        </TopBar>
      )}
      <main id="main" tabIndex={-1} class="flex min-h-0 flex-1 flex-col gap-3 p-4 outline-none lg:px-6">
        <StatusBar model={model} />
        {accessLost ? (
          <AccessLost state={state} pane={pane} />
        ) : (
          <div class="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-[minmax(0,1fr)_auto]">
            <Sources model={model} class="lg:min-h-0" />
            <div class="flex min-h-0 flex-col gap-4 lg:w-96 lg:overflow-y-auto 2xl:w-[49rem] 2xl:flex-row">
              <div class="flex min-w-0 flex-col gap-4 2xl:w-96 2xl:shrink-0">
                <LatencyPlot model={model} />
                <Members model={model} />
              </div>
              <Events model={model} class="lg:flex-[1_0_auto] 2xl:min-w-0 2xl:flex-1" />
            </div>
          </div>
        )}
        <p role="status" class="sr-only" data-testid="announcement">
          {model.announcement}
        </p>
      </main>
    </div>
  );
}
