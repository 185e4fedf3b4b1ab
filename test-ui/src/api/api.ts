// The page's REST requests, except those that the client makes.
import { type Member, RestClient, RestError, type RestTypes, type Role, type VaultEvent } from "@syncscript/client";
import { type MutationResult, mutate } from "./mutate";

export type User = RestTypes.User;
export type Vault = RestTypes.Vault;
export type Demo = RestTypes.Demo;
type Source = RestTypes.Source;

const rest = new RestClient();
const encode = encodeURIComponent;

/** Returns null if nobody is signed in. */
export async function fetchCurrentUser(): Promise<User | null> {
  return (await rest.get<RestTypes.Session | null>("/api/auth/session"))?.user ?? null;
}

export async function signIn(email: string, password: string): Promise<void> {
  await mutate({ method: "POST", path: "/api/auth/login", body: { email, password } });
}

export async function register(email: string, name: string, password: string): Promise<void> {
  await mutate({ method: "POST", path: "/api/auth/register", body: { email, name, password } });
}

export async function signOut(): Promise<void> {
  await mutate({ method: "POST", path: "/api/auth/logout" });
}

/** Returns undefined if the server offers no demo accounts. */
export async function fetchDemo(): Promise<Demo | undefined> {
  try {
    return await rest.get<Demo>("/api/demo");
  } catch (error) {
    if (error instanceof RestError) return undefined;
    throw error;
  }
}

export async function fetchVaults(): Promise<Vault[]> {
  return (await rest.get<RestTypes.VaultList>("/api/vaults")).vaults;
}

export async function createVault(name: string, key: string): Promise<Vault> {
  const request = { method: "POST", path: "/api/vaults", body: { name }, key } as const;
  return (await mutate<RestTypes.OneVault>(request)).value.vault;
}

export async function fetchSource(sourceId: string): Promise<Source> {
  return (await rest.get<RestTypes.OneSource>(`/api/sources/${encode(sourceId)}`)).source;
}

/** Returns the last events up to `seq`, at most `limit`, oldest first. */
export async function fetchEventsUpTo(vaultId: string, seq: number, limit: number): Promise<VaultEvent[]> {
  const after = Math.max(0, seq - limit);
  const path = `/api/vaults/${encode(vaultId)}/events?after=${after}&limit=${limit}`;
  const { events } = await rest.get<RestTypes.LogPage>(path);
  // A compacted log starts with a snapshot, which is not an event: it has no actor.
  return events.flatMap(({ type, payload }) => (type === "vault:snapshot" ? [] : [{ ...payload, type } as VaultEvent]));
}

// The responses about members contain email addresses. They are not used, because neither the events nor the page's
// lists show addresses.

export function addMember(vaultId: string, email: string, role: Role): Promise<MutationResult<unknown>> {
  return mutate({ method: "POST", path: `/api/vaults/${encode(vaultId)}/members`, body: { email, role } });
}

export function changeMember(vaultId: string, { userId }: Member, role: Role): Promise<MutationResult<unknown>> {
  return mutate({ method: "PATCH", path: `/api/vaults/${encode(vaultId)}/members/${encode(userId)}`, body: { role } });
}

export function removeMember(vaultId: string, { userId }: Pick<Member, "userId">): Promise<MutationResult<unknown>> {
  return mutate({ method: "DELETE", path: `/api/vaults/${encode(vaultId)}/members/${encode(userId)}` });
}

/** Returns whether the server supports the sources as of an earlier event. A server without that support rejects the query. */
export async function supportsHistory(vaultId: string, seq: number): Promise<boolean> {
  try {
    return (await rest.get<RestTypes.SourcePage>(sourcesPath(vaultId, seq, 1))).seq === seq;
  } catch {
    return false;
  }
}

/** Returns the sources as of event `seq`, oldest first. */
export async function fetchSourcesAt(vaultId: string, seq: number, signal: AbortSignal): Promise<Source[]> {
  const sources: Source[] = [];
  for (let cursor = ""; ; ) {
    const page = await rest.get<RestTypes.SourcePage>(sourcesPath(vaultId, seq, 1000) + cursor, signal);
    sources.push(...page.sources);
    if (page.nextCursor === null) return sources;
    cursor = `&cursor=${encode(page.nextCursor)}`;
  }
}

function sourcesPath(vaultId: string, seq: number, limit: number): string {
  return `/api/vaults/${encode(vaultId)}/sources?limit=${limit}&at=${seq}`;
}
