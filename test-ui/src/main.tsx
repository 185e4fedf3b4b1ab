// Which page: by the address. Every address gets the same document, and nothing is kept from one page to the next.
import "./style.css";
import { type ComponentChild, render } from "preact";
import { currentUser, type User } from "./api/api";
import { HOME, leaveForLogin } from "./lib/link";
import { ChooserPage } from "./pages/chooser";
import { LoginPage } from "./pages/login";
import { PanesPage } from "./pages/panes";
import { VaultPage } from "./pages/vault";

const root = document.getElementById("app") as HTMLElement;

/** Milliseconds between two questions to a server that does not answer. */
const AGAIN = 1_000;

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

function Waiting({ failing }: { failing: boolean }) {
  return (
    <main class="grid h-full place-items-center p-4">
      <p role="status" class="text-sm text-muted">
        {failing && "The server does not answer. Trying again…"}
      </p>
    </main>
  );
}

async function begin(): Promise<void> {
  if (location.pathname === "/login") return show(<LoginPage />);
  try {
    const user = await currentUser();
    if (user === null) return leaveForLogin();
    if (location.pathname === "/") history.replaceState(null, "", HOME);
    show(pageFor(user));
  } catch {
    show(<Waiting failing />);
    setTimeout(() => void begin(), AGAIN);
  }
}

void begin();
