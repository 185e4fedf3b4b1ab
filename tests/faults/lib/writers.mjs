// Load: users who continuously create, update and delete sources over REST.
import { setTimeout as pause } from "node:timers/promises";
import { RetryingClient } from "./retrying-client.mjs";

/** Longest pause between two mutations of a writer, in milliseconds: a relevant load that does not saturate the machine. */
const PAUSE_MS = 60;

export class Writer extends RetryingClient {
  #sources = [];
  #count = 0;

  /** `vaultIds` are the vaults it writes to. A `guest` loses its membership at times, and is rejected until added again. */
  constructor({ name, vaultIds, guest = false, ...options }) {
    super(options);
    Object.assign(this, { name, vaultIds, guest });
  }

  /** Writes until `isStopped()`, and finishes the current mutation. */
  async run(isStopped) {
    while (!isStopped()) {
      await this.#step();
      await pause(this.random.uniform(0, PAUSE_MS));
    }
  }

  async #step() {
    const draw = this.random.next();
    const source = this.#sources.length > 0 ? this.random.pick(this.#sources) : undefined;
    if (!source || (draw < 0.5 && this.#sources.length < 200)) await this.#create();
    else if (draw < 0.85) await this.#change(source);
    else await this.#remove(source);
  }

  async #create() {
    const vaultId = this.random.pick(this.vaultIds);
    const key = this.#key();
    const request = this.#request("source:created", vaultId, key, {
      method: "POST",
      path: `/api/vaults/${vaultId}/sources`,
      body: { title: this.#title(key), fileUrl: this.#fileUrl(key) },
    });
    const answer = await this.#sendMutation(request);
    if (answer.status === 201) this.#sources.push({ id: answer.body.source.id, vaultId, version: 1 });
  }

  async #change(source) {
    const key = this.#key();
    // With If-Match, an attempt that is applied twice fails the second time.
    const ifMatch = this.random.chance(0.5) ? `"${source.version}"` : undefined;
    const request = this.#request("source:updated", source.vaultId, key, {
      method: "PATCH",
      path: `/api/sources/${source.id}`,
      body: { title: this.#title(key), ...(this.random.chance(0.2) && { fileUrl: this.#fileUrl(key) }) },
      sourceId: source.id,
      ifMatch,
    });
    const answer = await this.#sendMutation(request);
    if (answer.status !== 200) return;
    source.version++;
    // A guest's mutation may have been rejected and then applied by a late copy: see check/responses.mjs.
    if (answer.body.source.version !== source.version && !this.guest) {
      this.history.defects.push(`${key}: version ${answer.body.source.version} instead of ${source.version}`);
    }
    source.version = answer.body.source.version;
  }

  async #remove(source) {
    const key = this.#key();
    const path = `/api/sources/${source.id}`;
    const request = this.#request("source:deleted", source.vaultId, key, {
      method: "DELETE",
      path,
      sourceId: source.id,
    });
    const answer = await this.#sendMutation(request);
    if (answer.status === 204) this.#sources.splice(this.#sources.indexOf(source), 1);
  }

  async #sendMutation(request) {
    const answer = await this.perform(request);
    if (this.random.chance(0.04)) await this.repeat(request, answer);
    return answer;
  }

  #request(kind, vaultId, key, rest) {
    return { kind, vaultId, key, ...rest, rejectionStatuses: this.guest ? [403, 404, 412] : [] };
  }

  #key() {
    return `${this.name}-${++this.#count}`;
  }

  /** The key, by which the checks find the event, and text that encoding errors would change. */
  #title(key) {
    return `${key} ${this.random.pick(["", '“quoted” "\\\\" ünï\u2028', "𝕊 </script> \\u0041 \t"])}`.trim();
  }

  #fileUrl(key) {
    const base = `https://example.test/${key}`;
    return this.random.chance(0.1) ? base.padEnd(2_000, "/long") : base;
  }
}
