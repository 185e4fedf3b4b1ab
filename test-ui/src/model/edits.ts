// Changes of this page that are shown before the server has made them, and until their event is here.
//
// An edit is `sending` until it is answered, then `saved` until the vault here is as of its event; then it is dropped,
// and what is shown is the vault's own. A refused or unanswered one is `failed` and stays until someone decides. The new
// text of an update is shown over the very version it was made at and no later one: where another change came first,
// that is what is there.
import { RestError, type Source, type VaultEvent } from "@syncscript/client";
import { source as loadSource } from "../api/api";
import { type Mutation, mutate, NoAnswer, newKey } from "../api/mutate";

export type Change =
  | { kind: "create"; title: string; fileUrl: string }
  | { kind: "update"; source: Source; title: string; fileUrl: string }
  | { kind: "delete"; source: Source };

export interface Edit {
  /** Also the Idempotency-Key: tried again, it is the same request. */
  readonly key: string;
  readonly change: Change;
  status: "sending" | "saved" | "failed";
  /** Of its event, once answered. */
  seq?: number;
  /** The source of its event, where the event came before the answer. */
  twin?: string;
  reason?: string;
  /** Trying the same again may help. */
  retryable?: boolean;
  /** What is there instead, after a conflict of versions. */
  theirs?: Source;
}

export interface EditsHost {
  vaultId: string;
  userId: string;
  /** The vault here is as of this event. */
  position(): number;
  changed(): void;
  sessionEnded(): void;
}

export class Edits {
  readonly #host: EditsHost;
  readonly #edits = new Map<string, Edit>();

  constructor(host: EditsHost) {
    this.#host = host;
  }

  get all(): Iterable<Edit> {
    return this.#edits.values();
  }

  /** The newest of a source. */
  of(sourceId: string): Edit | undefined {
    let found: Edit | undefined;
    for (const edit of this.#edits.values()) {
      if (edit.change.kind !== "create" && edit.change.source.id === sourceId) found = edit;
    }
    return found;
  }

  make(change: Change): void {
    // What failed before about the same source is settled by this.
    if (change.kind !== "create") {
      const before = this.of(change.source.id);
      if (before?.status === "failed") this.#edits.delete(before.key);
    }
    const edit: Edit = { key: newKey(), change, status: "sending" };
    this.#edits.set(edit.key, edit);
    void this.#send(edit);
  }

  retry(edit: Edit): void {
    edit.status = "sending";
    void this.#send(edit);
  }

  discard(edit: Edit): void {
    this.#edits.delete(edit.key);
    this.#host.changed();
  }

  /** Drops what the vault shows by itself now. */
  settle(): void {
    for (const edit of this.#edits.values()) {
      if (edit.status === "saved" && (edit.seq ?? 0) <= this.#host.position()) this.#edits.delete(edit.key);
    }
  }

  /** An event may be that of a creation which is not answered yet: then it must not be shown beside it. */
  noticed(event: VaultEvent): void {
    if (event.type !== "source:created" || event.actor.userId !== this.#host.userId) return;
    for (const edit of this.#edits.values()) {
      const { change } = edit;
      if (edit.status !== "sending" || edit.twin !== undefined || change.kind !== "create") continue;
      if (change.title !== event.source.title || change.fileUrl !== event.source.fileUrl) continue;
      edit.twin = event.source.id;
      return;
    }
  }

  async #send(edit: Edit): Promise<void> {
    this.#host.changed();
    try {
      const { seq } = await mutate({ ...request(this.#host.vaultId, edit.change), key: edit.key });
      edit.status = "saved";
      edit.seq = seq;
    } catch (error) {
      await this.#failed(edit, error);
    }
    this.settle();
    this.#host.changed();
  }

  async #failed(edit: Edit, error: unknown): Promise<void> {
    const { change } = edit;
    if (edit.twin !== undefined && error instanceof NoAnswer) {
      // Its event is the answer.
      this.#edits.delete(edit.key);
      return;
    }
    edit.status = "failed";
    edit.retryable = !(error instanceof RestError) || error.status >= 500 || error.status === 429;
    edit.reason = error instanceof Error ? error.message : String(error);
    if (!(error instanceof RestError)) return;
    if (error.status === 401) this.#host.sessionEnded();
    if (change.kind === "create") return;
    if (error.status === 412) await this.#reload(edit, change.source.id);
    // It is gone, as this wanted.
    else if (error.status === 404 && change.kind === "delete") this.#edits.delete(edit.key);
  }

  async #reload(edit: Edit, sourceId: string): Promise<void> {
    edit.reason = "Someone else changed it first (412).";
    try {
      edit.theirs = await loadSource(sourceId);
      edit.reason = `Someone else changed it first (412); version ${edit.theirs.version} is loaded.`;
    } catch {
      // Then the event of that change brings it, now or with the connection.
    }
  }
}

function request(vaultId: string, change: Change): Mutation {
  if (change.kind === "create") {
    const { title, fileUrl } = change;
    return { method: "POST", path: `/api/vaults/${encodeURIComponent(vaultId)}/sources`, body: { title, fileUrl } };
  }
  // Of the version that was looked at: a change that nobody here has seen is not overwritten.
  const { id, version, ...old } = change.source;
  const path = `/api/sources/${encodeURIComponent(id)}`;
  if (change.kind === "delete") return { method: "DELETE", path, version };
  const title = change.title === old.title ? undefined : change.title;
  const fileUrl = change.fileUrl === old.fileUrl ? undefined : change.fileUrl;
  return { method: "PATCH", path, body: { title, fileUrl }, version };
}
