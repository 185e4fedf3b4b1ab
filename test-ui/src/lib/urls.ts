// URLs: those of the pages, and those that come from outside (source files, the target after sign-in).

/** Returns `url` if it is safe as a link. The server accepts no other URLs, but the page does not rely on that. */
export function safeLink(url: string): string | undefined {
  const { protocol } = parse(url) ?? {};
  return protocol === "http:" || protocol === "https:" ? url : undefined;
}

/** Returns `url` without the scheme, `www.` and a trailing slash, for display. */
export function displayUrl(url: string): string {
  return url.replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
}

export const HOME_PATH = "/test/realtime";

/** Returns the page to open after sign-in. Always a page of this server, whatever `returnTo` contains. */
export function signInTarget(returnTo: string | null): string {
  const url = returnTo?.startsWith("/") ? parse(returnTo, location.origin) : undefined;
  if (!url || url.origin !== location.origin || url.pathname === "/login") return HOME_PATH;
  return url.pathname + url.search + url.hash;
}

/** Opens the login page, which returns here afterwards. In a pane, the whole page around it is replaced. */
export function redirectToLogin(reason?: "ended"): void {
  const page = (window.top ?? window).location;
  const query = new URLSearchParams({ returnTo: page.pathname + page.search });
  if (reason) query.set("reason", reason);
  page.replace(`/login?${query}`);
}

export function vaultPath(vaultId: string): string {
  return `${HOME_PATH}?${new URLSearchParams({ vaultId })}`;
}

export function panesPath(left: string, right: string): string {
  return `${HOME_PATH}?${new URLSearchParams({ panes: `${left},${right}` })}`;
}

function parse(url: string, base?: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
