// Mutations over REST as a careful client makes them: with an Idempotency-Key, repeated until they are answered.
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";

/** How long one attempt waits for its answer before it is given up and repeated. */
const ATTEMPT_MS = 5_000;

/** One request on a connection of its own. `gone` ends it after so many milliseconds, whatever was answered. */
export function send(port, cookie, { method, path, body, key, ifMatch }, { gone } = {}) {
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
      response.on("aborted", () => reject(new Error("the answer was cut off")));
      response.on("end", () => {
        clearTimeout(timer);
        if (response.complete) resolve(answerOf(response, Buffer.concat(chunks).toString()));
        else reject(new Error("the answer was cut off"));
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), gone ?? ATTEMPT_MS);
    request.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(text);
  });
}

function answerOf({ statusCode, headers }, text) {
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

/** Whether the answer says "not now": the request is to be repeated with its key. */
export const isForLater = ({ status, body }) =>
  status === 503 || status === 429 || (status === 409 && body?.code === "IDEMPOTENCY_KEY_IN_FLIGHT");

/** The ways in which the link spoils one attempt, and what is counted. */
const TROUBLES = {
  "answer cut off": (link, random) => link.cutAfter("down", random.pick([0, 0, random.int(1, 600)])),
  "request cut off": (link, random) => link.cutAfter("up", random.int(0, 500)),
  "caller gone": () => {},
};

/** One user's mutations, over a link of its own, at either node. */
export class Caller {
  #silent;

  /** `ledger` takes down what was answered; `troubled` is the share of attempts that the link spoils. */
  constructor({ user, cookie, link, nodes, random, ledger, troubled = 0 }) {
    Object.assign(this, { user, cookie, link, nodes, random, ledger, troubled });
    this.answeredAt = 0;
    this.waiting = undefined;
  }

  /**
   * Asks until it is answered, at any node, and enters that in the ledger. `request` has `key`, and `kind` and whatever
   * else the ledger is to know.
   */
  async perform(request) {
    const entry = { ...request, actorId: this.user.id, attempts: 0, copies: 0, firstAt: Date.now(), sentAt: 0 };
    this.ledger.open(entry);
    this.waiting = entry;
    const answer = await this.#untilAnswered(entry);
    this.waiting = undefined;
    this.answeredAt = performance.now();
    this.ledger.answered(entry, answer);
    return answer;
  }

  /** The same request once more, as if its answer had been lost: it must be answered the same (I9). */
  async again(request, first) {
    const entry = { ...request, attempts: 0, copies: 0, firstAt: Date.now() };
    this.waiting = entry;
    const answer = await this.#untilAnswered(entry);
    this.waiting = undefined;
    this.answeredAt = performance.now();
    this.ledger.repeated(request, first, answer);
  }

  async #untilAnswered(entry) {
    for (let wait = 20; ; wait = Math.min(wait * 1.5, 500)) {
      entry.attempts++;
      entry.copies++;
      entry.sentAt = Date.now();
      const answer = await this.#attempt(entry);
      if (answer && answer.status >= 500 && answer.status !== 503) this.ledger.defect(entry, answer);
      else if (answer && !isForLater(answer)) return answer;
      this.ledger.retried(answer);
      if (this.ledger.closed) throw new Error(`${entry.method} ${entry.path} with key ${entry.key} was never answered`);
      await pause(this.random.between(wait / 2, wait));
    }
  }

  async #attempt(request) {
    // Whoever did not answer is not asked again at once.
    const node = this.random.pick(this.nodes);
    this.link.node = node === this.#silent ? this.nodes.find((other) => other !== node) : node;
    this.#silent = undefined;
    const trouble = this.random.chance(this.troubled) ? this.random.pick(Object.keys(TROUBLES)) : undefined;
    const gone = trouble === "caller gone" ? this.random.spread(1, 40) : undefined;
    if (trouble) TROUBLES[trouble](this.link, this.random);
    try {
      // Both at once, now and then: the key must do then too.
      if (!trouble && this.random.chance(this.troubled / 4)) return await this.#twice(request);
      return await send(this.link.port, this.cookie, request, { gone });
    } catch {
      this.#silent = this.link.node;
      if (gone !== undefined) this.ledger.troubled(trouble);
      return undefined;
    } finally {
      if (this.link.spare() && trouble) this.ledger.troubled(trouble);
    }
  }

  async #twice(request) {
    const ask = () => send(this.link.port, this.cookie, request);
    request.copies++;
    const both = await Promise.allSettled([ask(), ask()]);
    this.ledger.troubled("sent twice at once");
    const answers = both.flatMap(({ value }) => value ?? []);
    const [first, second] = answers.filter(({ status }) => status < 300);
    if (second) this.ledger.repeated(request, first, second);
    // Of an application and a refusal, the former came after the latter, and is what holds.
    return first ?? answers.find((answer) => !isForLater(answer)) ?? answers[0];
  }
}
