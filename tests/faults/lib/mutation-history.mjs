// The history of mutations and their responses: one entry per mutation, however many attempts it took.
export class MutationHistory {
  /** Applied and finally rejected mutations, by key. */
  applied = new Map();
  rejected = new Map();
  /** Mutations that have no response yet. */
  unanswered = new Map();
  /** Mutations sent once, without a key, that got no response or a 503: each may be in the log, once. */
  unknown = new Map();
  /** Responses that are wrong in themselves. */
  defects = [];
  /** Set when clients must stop retrying: unanswered mutations stay unanswered. */
  closed = false;
  retries = 0;
  /** The number of retries by the status that caused them; 0 stands for no response. */
  retriesByStatus = {};
  /** The number of faults injected into attempts, by kind. */
  attemptFaults = {};
  repetitions = 0;
  /** The number of events written by SQL, without a key, by vault. */
  filled = new Map();

  open(entry) {
    this.unanswered.set(entry.key, entry);
  }

  answered(entry, answer) {
    this.unanswered.delete(entry.key);
    const full = { ...entry, status: answer.status, seq: answer.seq, answer };
    if (answer.status < 300) this.applied.set(entry.key, full);
    else if (entry.rejectionStatuses?.includes(answer.status)) this.rejected.set(entry.key, full);
    else this.defect(entry, answer);
  }

  /** Records the response to a mutation without a key, which is not retried. */
  answeredOnce(entry, answer) {
    if (!answer || answer.status === 503) this.unknown.set(entry.key, entry);
    else this.answered(entry, answer);
  }

  repeated(entry, first, again) {
    this.repetitions++;
    // The server does not store rejections: a repeated request is evaluated again.
    if (first.status >= 300) return;
    for (const field of ["status", "seq", "text", "etag", "location"]) {
      if (first[field] === again[field]) continue;
      const what = `${entry.method} ${entry.path} with key ${entry.key}`;
      this.defects.push(`${what}: when repeated, ${field} was ${again[field]} instead of ${first[field]}`);
    }
  }

  retried(answer) {
    this.retries++;
    const status = answer?.status ?? 0;
    this.retriesByStatus[status] = (this.retriesByStatus[status] ?? 0) + 1;
  }

  countFault(kind) {
    this.attemptFaults[kind] = (this.attemptFaults[kind] ?? 0) + 1;
  }

  defect({ method, path, key, attempts }, { status, text }) {
    this.defects.push(`${method} ${path} with key ${key}, attempt ${attempts}: ${status} ${text.slice(0, 300)}`);
  }

  countSqlEvents(vaultId, count) {
    this.filled.set(vaultId, (this.filled.get(vaultId) ?? 0) + count);
  }

  /** The number of mutations without a key. */
  get sentOnce() {
    return [...this.applied.values()].filter(({ plain }) => plain).length + this.unknown.size;
  }

  /** The number of mutations that were retried at least once before they got a response. */
  get repeatedMutations() {
    return [...this.applied.values()].filter(({ attempts }) => attempts > 1).length;
  }
}
