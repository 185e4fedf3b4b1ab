// Load without keys: bursts of concurrent mutations, which the servers commit in groups. Each mutation is sent once.
import { setTimeout as pause } from "node:timers/promises";
import { send } from "./retrying-client.mjs";

/** Mutations per burst. */
const BURST_SIZE = 8;
/** Longest pause between two bursts, in milliseconds. */
const PAUSE_MS = 400;
/** Number of sources that a writer creates before it only updates them. */
const MAX_SOURCES = 100;

export class BurstWriter {
  #sources = [];
  #count = 0;

  /** `vaultIds` are the vaults it writes to; it is a member of them for the whole run. */
  constructor({ name, vaultIds, user, cookie, proxy, nodes, random, history }) {
    Object.assign(this, { name, vaultIds, user, cookie, proxy, nodes, random, history });
  }

  /** Sends bursts until `isStopped()`, and waits for the last burst. */
  async run(isStopped) {
    while (!isStopped()) {
      this.proxy.node = this.random.pick(this.nodes);
      await Promise.all(Array.from({ length: BURST_SIZE }, () => this.#send()));
      await pause(this.random.uniform(0, PAUSE_MS));
    }
  }

  async #send() {
    const key = `${this.name}-${++this.#count}`;
    const create = this.#sources.length < MAX_SOURCES && (this.#sources.length === 0 || this.random.chance(0.5));
    const request = create ? this.#creation(key) : this.#change(key);
    const entry = { ...request, key, plain: true, actorId: this.user.id, attempts: 1, copies: 1, sentAt: Date.now() };
    const { method, path, body } = request;
    // The key is only in the title: the server must not see it.
    const answer = await send(this.proxy.port, this.cookie, { method, path, body }).catch(() => undefined);
    if (answer?.status === 201) this.#sources.push({ id: answer.body.source.id, vaultId: entry.vaultId });
    this.history.answeredOnce(entry, answer);
  }

  #creation(key) {
    const vaultId = this.random.pick(this.vaultIds);
    const body = { title: key, fileUrl: `https://example.test/${key}` };
    return { kind: "source:created", vaultId, method: "POST", path: `/api/vaults/${vaultId}/sources`, body };
  }

  #change(key) {
    const { id, vaultId } = this.random.pick(this.#sources);
    const request = { method: "PATCH", path: `/api/sources/${id}`, body: { title: key } };
    return { kind: "source:updated", vaultId, sourceId: id, ...request };
  }
}
