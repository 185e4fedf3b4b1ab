// What was asked for and what was answered: one entry a mutation, whatever number of attempts it took.
export class Ledger {
  /** Applied, and refused for good, by key. */
  applied = new Map();
  refused = new Map();
  /** Asked for and not answered yet. */
  unanswered = new Map();
  /** Asked for once, without a key, and not answered, or with 503: it may be in the log, once. */
  unknown = new Map();
  /** Answers that are wrong by themselves. */
  defects = [];
  /** Nobody asks any more: what is unanswered stays so. */
  closed = false;
  retries = 0;
  /** Answers by status that asked to come again; attempts without any answer under 0. */
  notNow = {};
  /** What links did to attempts. */
  troubles = {};
  repetitions = 0;
  /** Events written by SQL, without a key, by vault. */
  filled = new Map();

  open(entry) {
    this.unanswered.set(entry.key, entry);
  }

  answered(entry, answer) {
    this.unanswered.delete(entry.key);
    const full = { ...entry, status: answer.status, seq: answer.seq, answer };
    if (answer.status < 300) this.applied.set(entry.key, full);
    else if (entry.mayBeRefused?.includes(answer.status)) this.refused.set(entry.key, full);
    else this.defect(entry, answer);
  }

  /** A mutation without key, which is not repeated. */
  answeredOnce(entry, answer) {
    if (!answer || answer.status === 503) this.unknown.set(entry.key, entry);
    else this.answered(entry, answer);
  }

  repeated(entry, first, again) {
    this.repetitions++;
    // A refusal is not kept: repeated, it is judged anew.
    if (first.status >= 300) return;
    for (const field of ["status", "seq", "text", "etag", "location"]) {
      if (first[field] === again[field]) continue;
      const what = `${entry.method} ${entry.path} with key ${entry.key}`;
      this.defects.push(`${what}: repeated, ${field} was ${again[field]} after ${first[field]}`);
    }
  }

  retried(answer) {
    this.retries++;
    const status = answer?.status ?? 0;
    this.notNow[status] = (this.notNow[status] ?? 0) + 1;
  }

  troubled(kind) {
    this.troubles[kind] = (this.troubles[kind] ?? 0) + 1;
  }

  defect({ method, path, key, attempts }, { status, text }) {
    this.defects.push(`${method} ${path} with key ${key}, attempt ${attempts}: ${status} ${text.slice(0, 300)}`);
  }

  fill(vaultId, count) {
    this.filled.set(vaultId, (this.filled.get(vaultId) ?? 0) + count);
  }

  /** Mutations that had no key. */
  get askedOnce() {
    return [...this.applied.values()].filter(({ plain }) => plain).length + this.unknown.size;
  }

  /** Mutations that were repeated at least once before they were answered. */
  get repeatedMutations() {
    return [...this.applied.values()].filter(({ attempts }) => attempts > 1).length;
  }
}
