// The user's own changes, shown before the server has applied them.
//
// An edit is `sending` until the response arrives, then `saved` until the vault on this page includes its event. Then
// the edit is dropped, and the vault's own data is shown. A rejected or unanswered edit is `failed` and stays until the
// user decides. The new text of an update is shown only over the version that was edited: if someone else's change came
// first, that change is shown.
import { RestError, type Source, type VaultEvent } from "@syncscript/client";
import { fetchSource } from "../api/api";
import { type MutationRequest, mutate, NoResponseError, newIdempotencyKey } from "../api/mutate";

export type Change =
  | { kind: "create"; title: string; fileUrl: string }
  | { kind: "update"; source: Source; title: string; fileUrl: string }
  | { kind: "delete"; source: Source };

export interface Edit {
  /** Also the Idempotency-Key, so that a retry is the same request. */
  readonly key: string;
  readonly change: Change;
  status: "sending" | "saved" | "failed";
  /** The seq of the edit's event, once the response has arrived. */
  seq?: number;
  /** The id of the created source, if its event arrived before the response. */
  createdId?: string;
  error?: string;
  /** Whether a retry of the same request may succeed. */
  retryable?: boolean;
  /** The server's version of the source, after a version conflict. */
  serverSource?: Source;
}

export interface OptimisticEditsHost {
  vaultId: string;
  userId: string;
  /** Returns the seq of the last event that the vault on this page includes. */
  position(): number;
  notify(): void;
  onSessionEnded(): void;
}

export class OptimisticEdits {
  readonly #host: OptimisticEditsHost;
  readonly #edits = new Map<string, Edit>();

  constructor(host: OptimisticEditsHost) {
    this.#host = host;
  }

  get all(): Iterable<Edit> {
    return this.#edits.values();
  }

  /** Returns the most recent edit of a source. */
  latestFor(sourceId: string): Edit | undefined {
    let latest: Edit | undefined;
    for (const edit of this.#edits.values()) {
      if (edit.change.kind !== "create" && edit.change.source.id === sourceId) latest = edit;
    }
    return latest;
  }

  submit(change: Change): void {
    // A new edit replaces a failed edit of the same source.
    if (change.kind !== "create") {
      const previous = this.latestFor(change.source.id);
      if (previous?.status === "failed") this.#edits.delete(previous.key);
    }
    const edit: Edit = { key: newIdempotencyKey(), change, status: "sending" };
    this.#edits.set(edit.key, edit);
    void this.#send(edit);
  }

  retry(edit: Edit): void {
    edit.status = "sending";
    void this.#send(edit);
  }

  discard(edit: Edit): void {
    this.#edits.delete(edit.key);
    this.#host.notify();
  }

  /** Drops the saved edits whose events the vault on this page includes. */
  dropConfirmed(): void {
    for (const edit of this.#edits.values()) {
      if (edit.status === "saved" && (edit.seq ?? 0) <= this.#host.position()) this.#edits.delete(edit.key);
    }
  }

  /** Matches an event with a pending creation, so that the source is not listed twice before the response arrives. */
  matchCreated(event: VaultEvent): void {
    if (event.type !== "source:created" || event.actor.userId !== this.#host.userId) return;
    for (const edit of this.#edits.values()) {
      const { change } = edit;
      if (edit.status !== "sending" || edit.createdId !== undefined || change.kind !== "create") continue;
      if (change.title !== event.source.title || change.fileUrl !== event.source.fileUrl) continue;
      edit.createdId = event.source.id;
      return;
    }
  }

  async #send(edit: Edit): Promise<void> {
    this.#host.notify();
    try {
      const { seq } = await mutate({ ...toRequest(this.#host.vaultId, edit.change), key: edit.key });
      edit.status = "saved";
      edit.seq = seq;
    } catch (error) {
      await this.#handleFailure(edit, error);
    }
    this.dropConfirmed();
    this.#host.notify();
  }

  async #handleFailure(edit: Edit, error: unknown): Promise<void> {
    const { change } = edit;
    if (edit.createdId !== undefined && error instanceof NoResponseError) {
      // The event confirms the edit.
      this.#edits.delete(edit.key);
      return;
    }
    edit.status = "failed";
    edit.retryable = !(error instanceof RestError) || error.status >= 500 || error.status === 429;
    edit.error = error instanceof Error ? error.message : String(error);
    if (!(error instanceof RestError)) return;
    if (error.status === 401) this.#host.onSessionEnded();
    if (change.kind === "create") return;
    if (error.status === 412) await this.#loadServerSource(edit, change.source.id);
    // The source is already deleted, as the user wanted.
    else if (error.status === 404 && change.kind === "delete") this.#edits.delete(edit.key);
  }

  async #loadServerSource(edit: Edit, sourceId: string): Promise<void> {
    edit.error = "Someone else changed it first (412).";
    try {
      edit.serverSource = await fetchSource(sourceId);
      edit.error = `Someone else changed it first (412). Version ${edit.serverSource.version} is loaded.`;
    } catch {
      // The event of that change delivers the source, now or after a reconnect.
    }
  }
}

function toRequest(vaultId: string, change: Change): MutationRequest {
  if (change.kind === "create") {
    const { title, fileUrl } = change;
    return { method: "POST", path: `/api/vaults/${encodeURIComponent(vaultId)}/sources`, body: { title, fileUrl } };
  }
  // The request names the version that the user saw, so it cannot overwrite a change that the user has not seen.
  const { id, version, ...original } = change.source;
  const path = `/api/sources/${encodeURIComponent(id)}`;
  if (change.kind === "delete") return { method: "DELETE", path, version };
  const title = change.title === original.title ? undefined : change.title;
  const fileUrl = change.fileUrl === original.fileUrl ? undefined : change.fileUrl;
  return { method: "PATCH", path, body: { title, fileUrl }, version };
}
