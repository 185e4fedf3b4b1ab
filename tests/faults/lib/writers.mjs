// Load: users who create, change and delete sources without pause, over REST.
import { setTimeout as pause } from "node:timers/promises";
import { Caller } from "./api.mjs";

/** Longest pause between two mutations of a writer, in milliseconds: enough load to matter, not to fill the machine. */
const PAUSE_MS = 60;

export class Writer extends Caller {
  #own = [];
  #count = 0;

  /** `vaultIds` are those it writes to; a `guest` loses its membership now and then, and is refused meanwhile. */
  constructor({ name, vaultIds, guest = false, ...caller }) {
    super(caller);
    Object.assign(this, { name, vaultIds, guest });
  }

  /** Writes until `over()`; what is under way then is seen through. */
  async run(over) {
    while (!over()) {
      await this.#step();
      await pause(this.random.between(0, PAUSE_MS));
    }
  }

  async #step() {
    const draw = this.random.next();
    const source = this.#own.length > 0 ? this.random.pick(this.#own) : undefined;
    if (!source || (draw < 0.5 && this.#own.length < 200)) await this.#create();
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
    const answer = await this.#ask(request);
    if (answer.status === 201) this.#own.push({ id: answer.body.source.id, vaultId, version: 1 });
  }

  async #change(source) {
    const key = this.#key();
    // With the version it is at: had an attempt been applied twice, the second would find another.
    const ifMatch = this.random.chance(0.5) ? `"${source.version}"` : undefined;
    const request = this.#request("source:updated", source.vaultId, key, {
      method: "PATCH",
      path: `/api/sources/${source.id}`,
      body: { title: this.#title(key), ...(this.random.chance(0.2) && { fileUrl: this.#fileUrl(key) }) },
      sourceId: source.id,
      ifMatch,
    });
    const answer = await this.#ask(request);
    if (answer.status !== 200) return;
    source.version++;
    // A guest may have been refused what a late copy did all the same: see check/answers.mjs.
    if (answer.body.source.version !== source.version && !this.guest) {
      this.ledger.defects.push(`${key}: version ${answer.body.source.version} where ${source.version} was expected`);
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
    const answer = await this.#ask(request);
    if (answer.status === 204) this.#own.splice(this.#own.indexOf(source), 1);
  }

  async #ask(request) {
    const answer = await this.perform(request);
    if (this.random.chance(0.04)) await this.again(request, answer);
    return answer;
  }

  #request(kind, vaultId, key, rest) {
    return { kind, vaultId, key, ...rest, mayBeRefused: this.guest ? [403, 404, 412] : [] };
  }

  #key() {
    return `${this.name}-${++this.#count}`;
  }

  /** The key, by which the checker finds the event, and what might be changed on its way. */
  #title(key) {
    return `${key} ${this.random.pick(["", '“quoted” "\\\\" ünï\u2028', "𝕊 </script> \\u0041 \t"])}`.trim();
  }

  #fileUrl(key) {
    const base = `https://example.test/${key}`;
    return this.random.chance(0.1) ? base.padEnd(2_000, "/long") : base;
  }
}
