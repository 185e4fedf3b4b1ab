// Addresses that come from elsewhere: of sources, and of where to go after signing in.

/** `url` if it may be linked to. The server takes no others, but a link is no place to rely on that. */
export function webLink(url: string): string | undefined {
  const { protocol } = parse(url) ?? {};
  return protocol === "http:" || protocol === "https:" ? url : undefined;
}

/** An address without what goes without saying, for people to read. */
export function shortUrl(url: string): string {
  return url.replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
}

export const HOME = "/test/realtime";

/** Where to go after signing in: a page of this server, whatever the address says. */
export function returnTarget(wanted: string | null): string {
  const url = wanted?.startsWith("/") ? parse(wanted, location.origin) : undefined;
  if (!url || url.origin !== location.origin || url.pathname === "/login") return HOME;
  return url.pathname + url.search + url.hash;
}

/** To the page for signing in, and back here afterwards. A pane takes the page around it along. */
export function leaveForLogin(reason?: "ended"): void {
  const page = (window.top ?? window).location;
  const query = new URLSearchParams({ returnTo: page.pathname + page.search });
  if (reason) query.set("reason", reason);
  page.replace(`/login?${query}`);
}

export function vaultAddress(vaultId: string): string {
  return `${HOME}?${new URLSearchParams({ vaultId })}`;
}

export function panesAddress(left: string, right: string): string {
  return `${HOME}?${new URLSearchParams({ panes: `${left},${right}` })}`;
}

function parse(url: string, base?: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
