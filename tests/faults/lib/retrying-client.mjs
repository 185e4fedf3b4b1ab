// A REST client that sends each mutation with an Idempotency-Key and retries it until it gets a response.
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** How long one attempt waits for its response before it is retried, in milliseconds. */
const ATTEMPT_MS = 5_000;

/** Sends one request on its own connection. `abortAfter` aborts it after that many milliseconds. */
export function send(port, cookie, { method, path, body, key, ifMatch }, { abortAfter } = {}) {
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = {
    cookie,
    ...(text && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    ...(key && { "idempotency-key": key }),
    ...(ifMatch && { "if-match": ifMatch }),
  };
  return new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", port, method, path, headers, agent: false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("aborted", () => reject(new Error("the response was cut off")));
      response.on("end", () => {
        clearTimeout(timer);
        if (response.complete) resolve(parseResponse(response, Buffer.concat(chunks).toString()));
        else reject(new Error("the response was cut off"));
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("no response in time")), abortAfter ?? ATTEMPT_MS);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(text);
  });
}

function parseResponse({ statusCode, headers }, text) {
  const json = /json/.test(headers["content-type"] ?? "");
  return {
    status: statusCode,
    seq: headers["x-vault-seq"] === undefined ? undefined : Number(headers["x-vault-seq"]),
    etag: headers.etag,
    location: headers.location,
    text,
    body: json && text !== "" ? JSON.parse(text) : null,
  };
}

/** Whether the response asks the client to retry the request with its key. */
export const isRetryable = ({ status, body }) =>
  status === 503 || status === 429 || (status === 409 && body?.code === "IDEMPOTENCY_KEY_IN_FLIGHT");

/** The faults that the proxy injects into one attempt, by the name under which they are counted. */
const ATTEMPT_FAULTS = {
  "response cut off": (proxy, random) => proxy.cutAfter("down", random.pick([0, 0, random.int(1, 600)])),
  "request cut off": (proxy, random) => proxy.cutAfter("up", random.int(0, 500)),
  "client disconnected": () => {},
};

/** Sends one user's mutations through its own proxy to either node. */
export class RetryingClient {
  /** The node that did not respond to the previous attempt. */
  #unresponsive;

  /** `history` records the responses; `faultRate` is the share of attempts that get a fault. */
  constructor({ user, cookie, proxy, nodes, random, history, faultRate = 0 }) {
    Object.assign(this, { user, cookie, proxy, nodes, random, history, faultRate });
    this.answeredAt = 0;
    this.pending = undefined;
  }

  /**
   * Sends the request to any node until it gets a response, and records the response in the history. `request` has a
   * `key`, a `kind` and whatever else the history stores.
   */
  async perform(request) {
    const entry = { ...request, actorId: this.user.id, attempts: 0, copies: 0, firstAt: Date.now(), sentAt: 0 };
    this.history.open(entry);
    this.pending = entry;
    const answer = await this.#untilAnswered(entry);
    this.pending = undefined;
    this.answeredAt = performance.now();
    this.history.answered(entry, answer);
    return answer;
  }

  /** Sends the same request again, as if its response had been lost: the second response must be the same (I9). */
  async repeat(request, first) {
    const entry = { ...request, attempts: 0, copies: 0, firstAt: Date.now() };
    this.pending = entry;
    const answer = await this.#untilAnswered(entry);
    this.pending = undefined;
    this.answeredAt = performance.now();
    this.history.repeated(request, first, answer);
  }

  async #untilAnswered(entry) {
    for (let wait = 20; ; wait = Math.min(wait * 1.5, 500)) {
      entry.attempts++;
      entry.copies++;
      entry.sentAt = Date.now();
      const answer = await this.#attempt(entry);
      if (answer && answer.status >= 500 && answer.status !== 503) this.history.defect(entry, answer);
      else if (answer && !isRetryable(answer)) return answer;
      this.history.retried(answer);
      if (this.history.closed)
        throw new Error(`${entry.method} ${entry.path} with key ${entry.key} never got a response`);
      await pause(this.random.uniform(wait / 2, wait));
    }
  }

  async #attempt(request) {
    // A node that did not respond is not the next one to be tried.
    const node = this.random.pick(this.nodes);
    this.proxy.node = node === this.#unresponsive ? this.nodes.find((other) => other !== node) : node;
    this.#unresponsive = undefined;
    const fault = this.random.chance(this.faultRate) ? this.random.pick(Object.keys(ATTEMPT_FAULTS)) : undefined;
    const abortAfter = fault === "client disconnected" ? this.random.logUniform(1, 40) : undefined;
    if (fault) ATTEMPT_FAULTS[fault](this.proxy, this.random);
    try {
      // Sometimes the request is sent twice concurrently: the key must cover this too.
      if (!fault && this.random.chance(this.faultRate / 4)) return await this.#twice(request);
      return await send(this.proxy.port, this.cookie, request, { abortAfter });
    } catch {
      this.#unresponsive = this.proxy.node;
      if (abortAfter !== undefined) this.history.countFault(fault);
      return undefined;
    } finally {
      if (this.proxy.cancelCut() && fault) this.history.countFault(fault);
    }
  }

  async #twice(request) {
    const sendOnce = () => send(this.proxy.port, this.cookie, request);
    request.copies++;
    const both = await Promise.allSettled([sendOnce(), sendOnce()]);
    this.history.countFault("sent twice concurrently");
    const answers = both.flatMap(({ value }) => value ?? []);
    const [first, second] = answers.filter(({ status }) => status < 300);
    if (second) this.history.repeated(request, first, second);
    // If one copy was applied and the other rejected, the rejection came first and the applied one counts.
    return first ?? answers.find((answer) => !isRetryable(answer)) ?? answers[0];
  }
}
