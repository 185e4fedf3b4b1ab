// The entry point. Every URL serves the same document; the URL selects the page. Pages share no state.
import "./style.css";
import { type ComponentChild, render } from "preact";
import { fetchCurrentUser, type User } from "./api/api";
import { HOME_PATH, redirectToLogin } from "./lib/urls";
import { ChooserPage } from "./pages/chooser";
import { LoginPage } from "./pages/login";
import { PanesPage } from "./pages/panes";
import { VaultPage } from "./pages/vault";

const root = document.getElementById("app") as HTMLElement;

/** Delay before the next request to a server that does not respond. */
const RETRY_DELAY_MS = 1_000;

function show(page: ComponentChild): void {
  render(page, root);
}

function pageFor(user: User): ComponentChild {
  const query = new URLSearchParams(location.search);
  const [left, right] = query.get("panes")?.split(",") ?? [];
  if (left && right) return <PanesPage user={user} panes={[left, right]} />;
  const vaultId = query.get("vaultId");
  if (vaultId) return <VaultPage vaultId={vaultId} user={user} pane={query.has("pane")} />;
  return <ChooserPage user={user} />;
}

function ServerUnavailable() {
  return (
    <main class="grid h-full place-items-center p-4">
      <p role="status" class="text-sm text-muted">
        The server does not respond. Retrying…
      </p>
    </main>
  );
}

async function start(): Promise<void> {
  if (location.pathname === "/login") return show(<LoginPage />);
  try {
    const user = await fetchCurrentUser();
    if (user === null) return redirectToLogin();
    if (location.pathname === "/") history.replaceState(null, "", HOME_PATH);
    show(pageFor(user));
  } catch {
    show(<ServerUnavailable />);
    setTimeout(() => void start(), RETRY_DELAY_MS);
  }
}

void start();
