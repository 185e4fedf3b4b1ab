// What this page asks the server for, beside what the client does.
import {
  type Member,
  Rest,
  RestError,
  type Role,
  type Source,
  type VaultEvent,
  type VaultInfo,
} from "@syncscript/client";
import { type Answer, mutate } from "./mutate";

export interface User {
  id: string;
  name: string;
  email: string;
}

export interface ListedVault extends VaultInfo {
  role: Role;
  headSeq: number;
}

export interface Demo {
  accounts: { email: string; name: string; role: Role }[];
  password: string;
}

const rest = new Rest();
const id = encodeURIComponent;

/** Null if nobody is signed in. */
export async function currentUser(): Promise<User | null> {
  return (await rest.get<{ user: User } | null>("/api/auth/session"))?.user ?? null;
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

/** Undefined where the server shows no demo accounts. */
export async function demo(): Promise<Demo | undefined> {
  try {
    return await rest.get<Demo>("/api/demo");
  } catch (error) {
    if (error instanceof RestError) return undefined;
    throw error;
  }
}

export async function vaults(): Promise<ListedVault[]> {
  return (await rest.get<{ vaults: ListedVault[] }>("/api/vaults")).vaults;
}

export async function createVault(name: string, key: string): Promise<ListedVault> {
  return (await mutate<{ vault: ListedVault }>({ method: "POST", path: "/api/vaults", body: { name }, key })).value
    .vault;
}

export async function source(sourceId: string): Promise<Source> {
  return (await rest.get<{ source: Source }>(`/api/sources/${id(sourceId)}`)).source;
}

/** The last events up to `seq`, at most `limit`, oldest first. */
export async function eventsBefore(vaultId: string, seq: number, limit: number): Promise<VaultEvent[]> {
  const after = Math.max(0, seq - limit);
  const page = await rest.get<{ events: { type: VaultEvent["type"]; payload: object }[] }>(
    `/api/vaults/${id(vaultId)}/events?after=${after}&limit=${limit}`,
  );
  return page.events.map(({ type, payload }) => ({ ...payload, type }) as VaultEvent);
}

/** The answers show members with their address; events and the page's lists do not, so they are not read. */
export function addMember(vaultId: string, email: string, role: Role): Promise<Answer<unknown>> {
  return mutate({ method: "POST", path: `/api/vaults/${id(vaultId)}/members`, body: { email, role } });
}

export function changeMember(vaultId: string, { userId }: Member, role: Role): Promise<Answer<unknown>> {
  return mutate({ method: "PATCH", path: `/api/vaults/${id(vaultId)}/members/${id(userId)}`, body: { role } });
}

export function removeMember(vaultId: string, { userId }: Pick<Member, "userId">): Promise<Answer<unknown>> {
  return mutate({ method: "DELETE", path: `/api/vaults/${id(vaultId)}/members/${id(userId)}` });
}

interface SourcePage {
  sources: Source[];
  seq: number;
  nextCursor: string | null;
}

const sourcesPath = (vaultId: string, seq: number, limit: number): string =>
  `/api/vaults/${id(vaultId)}/sources?limit=${limit}&at=${seq}`;

/** Whether this server can tell the sources as of an earlier event. One that cannot refuses the question. */
export async function offersHistory(vaultId: string, seq: number): Promise<boolean> {
  try {
    return (await rest.get<SourcePage>(sourcesPath(vaultId, seq, 1))).seq === seq;
  } catch {
    return false;
  }
}

/** The sources as of event `seq`, oldest first. */
export async function sourcesAt(vaultId: string, seq: number, signal: AbortSignal): Promise<Source[]> {
  const sources: Source[] = [];
  for (let cursor = ""; ; ) {
    const page = await rest.get<SourcePage>(sourcesPath(vaultId, seq, 1000) + cursor, signal);
    sources.push(...page.sources);
    if (page.nextCursor === null) return sources;
    cursor = `&cursor=${id(page.nextCursor)}`;
  }
}
