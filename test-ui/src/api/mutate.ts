// REST mutations. Each has an Idempotency-Key, so that a retry after a lost response does not apply the change twice
// (I9).
import { RestError, type RestTypes } from "@syncscript/client";

/** No response after all retries. The change may have been applied. A retry with the same key is safe. */
export class NoResponseError extends Error {
  override readonly name = "NoResponseError";

  constructor() {
    super("The server does not respond. It is safe to try again: the change is applied at most once.");
  }
}

export interface MutationResult<T> {
  value: T;
  /** The seq of the change in the vault's log. */
  seq: number;
}

export interface MutationRequest {
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  /** The Idempotency-Key. By default, a new one. */
  key?: string;
  /** The version of the resource that the change is based on. */
  version?: number;
}

/** How long a mutation is retried. */
const RETRY_PERIOD_MS = 30_000;
const ATTEMPT_TIMEOUT_MS = 10_000;

/** Returns a random key. `crypto.randomUUID` is not available on a plain http page from another machine. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends a mutation. Throws `RestError` if the server rejects it, and `NoResponseError` if all retries fail. */
export async function mutate<T>(request: MutationRequest): Promise<MutationResult<T>> {
  const key = request.key ?? newIdempotencyKey();
  const deadline = performance.now() + RETRY_PERIOD_MS;
  for (let delay = 200; ; delay = Math.min(delay * 2, 2_000)) {
    const result = await attempt<T>(request, key);
    if (result !== undefined) return result;
    if (performance.now() > deadline) throw new NoResponseError();
    await waitForNetwork(delay);
  }
}

/** Sends the request once. Returns undefined if there is no response, or only a temporary one. */
async function attempt<T>(request: MutationRequest, key: string): Promise<MutationResult<T> | undefined> {
  const { method, path, body, version } = request;
  let response: Response;
  let text: string;
  try {
    response = await fetch(path, {
      method,
      headers: {
        accept: "application/json",
        "idempotency-key": key,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(version !== undefined && { "if-match": `"${version}"` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
    });
    text = await response.text();
  } catch {
    return undefined;
  }
  const json = parseJson(text);
  if (response.ok) return { value: json as T, seq: Number(response.headers.get("x-vault-seq") ?? 0) };
  const { code = `HTTP_${response.status}`, detail } = (json ?? {}) as Partial<RestTypes.Problem>;
  if (response.status === 503 || code === "IDEMPOTENCY_KEY_IN_FLIGHT") return undefined;
  throw new RestError(response.status, code, detail ?? `The server responded with status ${response.status}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits for `ms` milliseconds, or until the browser reports that the network is back. */
function waitForNetwork(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      removeEventListener("online", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    addEventListener("online", finish);
  });
}
