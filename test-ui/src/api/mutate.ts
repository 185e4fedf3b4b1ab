// Changes over REST. Each has an Idempotency-Key, so that asking again after a lost answer does not do it twice (I9).
import { RestError } from "@syncscript/client";

/** No answer, in spite of all tries: the change may have been made or not. Asking again with the same key is safe. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";

  constructor() {
    super("The server does not answer. It is safe to try again: nothing is done twice.");
  }
}

export interface Answer<T> {
  value: T;
  /** Where the change is in the vault's log. */
  seq: number;
}

export interface Mutation {
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  /** Repeats what was asked for with the same key. */
  key?: string;
  /** The version that the change is meant for. */
  version?: number;
}

/** Milliseconds for which an answer is sought, and for one try. */
const PATIENCE = 30_000;
const ONE_TRY = 10_000;

/** Not `crypto.randomUUID`, which a page over plain http to another machine does not have. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Makes a change; fails with `RestError` if it is refused, and with `NoAnswer`. */
export async function mutate<T>(mutation: Mutation): Promise<Answer<T>> {
  const key = mutation.key ?? newKey();
  const giveUpAt = performance.now() + PATIENCE;
  for (let wait = 200; ; wait = Math.min(wait * 2, 2_000)) {
    const answer = await once<T>(mutation, key);
    if (answer !== undefined) return answer;
    if (performance.now() > giveUpAt) throw new NoAnswer();
    await online(wait);
  }
}

/** Undefined where there is no answer, or none for good. */
async function once<T>({ method, path, body, version }: Mutation, key: string): Promise<Answer<T> | undefined> {
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
      signal: AbortSignal.timeout(ONE_TRY),
    });
    text = await response.text();
  } catch {
    return undefined;
  }
  const json = parse(text);
  if (response.ok) return { value: json as T, seq: Number(response.headers.get("x-vault-seq") ?? 0) };
  const { code = `HTTP_${response.status}`, detail } = (json ?? {}) as { code?: string; detail?: string };
  if (response.status === 503 || code === "IDEMPOTENCY_KEY_IN_FLIGHT") return undefined;
  throw new RestError(response.status, code, detail ?? `The server answered ${response.status}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Waits for `ms`, or until the network is said to be back. */
function online(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}
