// Load without keys: many mutations at the same moment, which the servers write together. Each is asked for once.
import { setTimeout as pause } from "node:timers/promises";
import { send } from "./api.mjs";

/** Mutations at a time. */
const SIZE = 8;
/** Longest pause between two bursts, in milliseconds. */
const PAUSE_MS = 400;
/** Sources of its own that it creates; then it only changes them. */
const MOST_SOURCES = 100;

export class Burst {
  #own = [];
  #count = 0;

  /** `vaultIds` are those it writes to, as a member for the whole run. */
  constructor({ name, vaultIds, user, cookie, link, nodes, random, ledger }) {
    Object.assign(this, { name, vaultIds, user, cookie, link, nodes, random, ledger });
  }

  /** Asks until `over()`; what is under way then is waited for. */
  async run(over) {
    while (!over()) {
      this.link.node = this.random.pick(this.nodes);
      await Promise.all(Array.from({ length: SIZE }, () => this.#ask()));
      await pause(this.random.between(0, PAUSE_MS));
    }
  }

  async #ask() {
    const key = `${this.name}-${++this.#count}`;
    const create = this.#own.length < MOST_SOURCES && (this.#own.length === 0 || this.random.chance(0.5));
    const request = create ? this.#creation(key) : this.#change(key);
    const entry = { ...request, key, plain: true, actorId: this.user.id, attempts: 1, copies: 1, sentAt: Date.now() };
    const { method, path, body } = request;
    // The key is in the title alone: the server must not know it.
    const answer = await send(this.link.port, this.cookie, { method, path, body }).catch(() => undefined);
    if (answer?.status === 201) this.#own.push({ id: answer.body.source.id, vaultId: entry.vaultId });
    this.ledger.answeredOnce(entry, answer);
  }

  #creation(key) {
    const vaultId = this.random.pick(this.vaultIds);
    const body = { title: key, fileUrl: `https://example.test/${key}` };
    return { kind: "source:created", vaultId, method: "POST", path: `/api/vaults/${vaultId}/sources`, body };
  }

  #change(key) {
    const { id, vaultId } = this.random.pick(this.#own);
    const request = { method: "PATCH", path: `/api/sources/${id}`, body: { title: key } };
    return { kind: "source:updated", vaultId, sourceId: id, ...request };
  }
}
