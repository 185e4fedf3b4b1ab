// The top bar of every page: the product, the page title and the signed-in user.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { signOut, type User } from "../api/api";
import { HOME_PATH, redirectToLogin } from "../lib/urls";
import { Button } from "./controls";
import { Logo } from "./icons";

interface TopBarProps {
  user: User;
  /** The page title. */
  title: ComponentChildren;
  /** The actions of the page. */
  children?: ComponentChildren;
}

export function TopBar({ user, title, children }: TopBarProps) {
  const [label, setLabel] = useState("Sign out");
  const handleSignOut = async (): Promise<void> => {
    setLabel("Signing out…");
    try {
      await signOut();
      redirectToLogin();
    } catch {
      setLabel("Sign-out failed. Try again");
    }
  };
  return (
    <header class="border-b border-line bg-panel">
      <a
        href="#main"
        class="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:m-2 focus:rounded-lg focus:bg-panel focus:px-3 focus:py-2"
      >
        Skip to content
      </a>
      <div class="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-2.5 lg:px-6">
        <a href={HOME_PATH} class="flex items-center gap-2.5 rounded-lg" aria-label="SyncScript: all vaults">
          <Logo />
          <span class="font-semibold tracking-tight max-md:hidden">SyncScript</span>
        </a>
        <span class="h-5 w-px bg-line max-md:hidden" aria-hidden="true" />
        <h1 class="min-w-0 flex-1 truncate text-base font-semibold">{title}</h1>
        <nav aria-label="Page" class="flex flex-wrap items-center gap-2 max-sm:order-last max-sm:basis-full">
          {children}
        </nav>
        <div class="flex min-w-0 items-center gap-3">
          <p class="max-w-44 truncate text-sm text-muted max-sm:hidden" title={user.email}>
            {user.name}
          </p>
          <Button variant="small" onClick={() => void handleSignOut()}>
            {label}
          </Button>
        </div>
      </div>
    </header>
  );
}
