// The few REST calls that a live vault needs: where to begin, and where to go on when the log cannot be continued.
import { RestError } from "./errors.js";
import type { Member, Role, Source, VaultInfo } from "./events.js";

export interface RestOptions {
  /** Origin of the server; empty for that of the page. */
  baseUrl?: string;
  fetch?: typeof fetch;
  headers?: Record<string, string>;
  /** Milliseconds after which a request has failed. */
  timeout?: number;
}

/** A vault as it was loaded. */
export interface Snapshot {
  vault: VaultInfo;
  members: Member[];
  sources: Source[];
  /** Where the log goes on: nothing up to here is missing. Some of what comes after may be contained already. */
  seq: number;
  /** Nothing after this is contained. */
  upto: number;
}

interface SourcePage {
  sources: Source[];
  seq: number;
  nextCursor: string | null;
}

export class Rest {
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;

  constructor(options: RestOptions = {}) {
    this.#base = (options.baseUrl ?? "").replace(/\/+$/, "");
    // Called as a function of its own: browsers refuse a `fetch` with another `this`.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#headers = options.headers ?? {};
    this.#timeout = options.timeout ?? 15_000;
  }

  /** GETs JSON. Fails with `RestError` on any other status than 2xx. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const stop = (): void => abort.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(() => abort.abort(new Error(`GET ${path}: no answer in time`)), this.#timeout);
    try {
      const response = await this.#fetch(this.#base + path, {
        headers: { accept: "application/json", ...this.#headers },
        credentials: "include",
        // A snapshot from a cache would lie before events that this client has seen.
        cache: "no-store",
        signal: abort.signal,
      });
      if (!response.ok) throw await restError(response);
      return (await response.json()) as T;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Loads a vault. The order of requests matters: the first page of sources says where the log goes on, so everything
   * else must be read after it, and the vault last, since its head says up to where any of it can be.
   */
  async snapshot(vaultId: string, signal?: AbortSignal): Promise<Snapshot> {
    const path = `/api/vaults/${encodeURIComponent(vaultId)}`;
    const first = await this.get<SourcePage>(`${path}/sources?limit=1000`, signal);
    const sources = first.sources;
    for (let cursor = first.nextCursor; cursor !== null; ) {
      const page = await this.get<SourcePage>(
        `${path}/sources?limit=1000&cursor=${encodeURIComponent(cursor)}`,
        signal,
      );
      sources.push(...page.sources);
      cursor = page.nextCursor;
    }
    const listed = await this.get<{
      members: { userId: string; name: string; role: Role; createdAt: string }[];
    }>(`${path}/members`, signal);
    const { vault } = await this.get<{ vault: VaultInfo & { headSeq: number } }>(path, signal);
    const { id, name, createdAt, updatedAt, headSeq } = vault;
    return {
      vault: { id, name, createdAt, updatedAt },
      // As events show members.
      members: listed.members.map(({ userId, name, role, createdAt }) => ({
        userId,
        userName: name,
        role,
        createdAt,
      })),
      sources,
      seq: first.seq,
      upto: headSeq,
    };
  }
}

async function restError(response: Response): Promise<RestError> {
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string };
  const message = problem.detail ?? problem.title ?? `The server answered ${response.status}`;
  return new RestError(response.status, problem.code ?? `HTTP_${response.status}`, message);
}
