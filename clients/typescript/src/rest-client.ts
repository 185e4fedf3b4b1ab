// The REST calls of a live vault: the first load, and the reload when the log cannot be continued.
import { RestError } from "./errors.js";
import type { Member, Source, VaultInfo } from "./events.js";
import type { MemberList, OneVault, Problem, SourcePage } from "./rest-types.js";

export interface RestClientOptions {
  /** Base URL of the server. Empty for the page's own origin. */
  baseUrl?: string;
  fetch?: typeof fetch;
  headers?: Record<string, string>;
  /** Milliseconds after which a request fails. Default 15 000. */
  timeout?: number;
}

/** A vault, loaded in several requests. */
export interface Snapshot {
  vault: VaultInfo;
  members: Member[];
  sources: Source[];
  /** Events continue after this seq: everything up to it is included, and some later changes may be, too. */
  seq: number;
  /** The log's head after the last request: no later change is included. */
  headSeq: number;
}

export class RestClient {
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #headers: Record<string, string>;
  readonly #timeout: number;

  constructor(options: RestClientOptions = {}) {
    this.#base = (options.baseUrl ?? "").replace(/\/+$/, "");
    // Browsers reject a call of `fetch` as a method of another object.
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#headers = options.headers ?? {};
    this.#timeout = options.timeout ?? 15_000;
  }

  /** Sends a GET request and returns the JSON body. Throws `RestError` if the status is not 2xx. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const abort = new AbortController();
    const stop = (): void => abort.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(
      () => abort.abort(new Error(`GET ${path} timed out after ${this.#timeout} ms`)),
      this.#timeout,
    );
    try {
      const response = await this.#fetch(this.#base + path, {
        headers: { accept: "application/json", ...this.#headers },
        credentials: "include",
        // A cached snapshot may be older than events that this client has received.
        cache: "no-store",
        signal: abort.signal,
      });
      if (!response.ok) throw await toRestError(response);
      return (await response.json()) as T;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Loads a vault. The order of the requests matters. The first page of sources gives the seq to continue from, so
   * everything else is read after it. The vault is read last, because its head is the upper limit of what was read.
   */
  async snapshot(vaultId: string, signal?: AbortSignal): Promise<Snapshot> {
    const path = `/api/vaults/${encodeURIComponent(vaultId)}`;
    const first = await this.get<SourcePage>(`${path}/sources?limit=1000`, signal);
    const sources = first.sources;
    for (let cursor = first.nextCursor; cursor !== null; ) {
      const query = `limit=1000&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.get<SourcePage>(`${path}/sources?${query}`, signal);
      sources.push(...page.sources);
      cursor = page.nextCursor;
    }
    const { members } = await this.get<MemberList>(`${path}/members`, signal);
    const { vault } = await this.get<OneVault>(path, signal);
    const { id, name, createdAt, updatedAt, headSeq } = vault;
    return {
      vault: { id, name, createdAt, updatedAt },
      // In the shape of the events, which have no email address.
      members: members.map(({ userId, name, role, createdAt }) => ({ userId, userName: name, role, createdAt })),
      sources,
      seq: first.seq,
      headSeq,
    };
  }
}

async function toRestError(response: Response): Promise<RestError> {
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem>;
  const message = problem.detail ?? problem.title ?? `The server responded with status ${response.status}`;
  return new RestError(response.status, problem.code ?? `HTTP_${response.status}`, message);
}
