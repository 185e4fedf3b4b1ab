// Compares what one subscriber received from one vault with the log (I1, I3, I4, I6).

/** The kinds of violations. */
export const VIOLATIONS = ["lost", "duplicate", "disorder", "not in the log", "altered", "forbidden", "resync"];

/**
 * Compares a record with the rows of a log: it must hold the same events, in the same order, each once, and nothing
 * else. Events skipped by a reload, which sets a new position, do not count as lost.
 *
 * `finalSeq` is the position that the record must have reached: the head for a member; undefined for a member who was
 * removed at the end, because an event that was not delivered before the removal is never delivered. `userId` is the
 * subscriber. `resyncs` is whether reloads after the first are allowed. Returns
 * `{violations: {kind: count}, examples, expected, seen, skipped}`.
 */
export function checkDeliveries(record, rows, { userId, finalSeq, resyncs = false }) {
  const result = { violations: {}, examples: [], expected: 0, seen: 0, skipped: 0 };
  const mayReadFrom = readingRights(rows, userId);
  let position = record.start;
  for (const entry of record.entries) {
    if (!entry.event) {
      if (position !== undefined) {
        if (!resyncs) addViolation(result, "resync", 1, `reloaded at ${entry.seq}, from ${position}`);
        result.skipped += Math.max(0, entry.seq - position);
      }
      if (entry.seq > rows.length)
        addViolation(result, "not in the log", 1, `a reload at ${entry.seq} of ${rows.length}`);
      position = entry.seq;
      continue;
    }
    result.seen++;
    compare(result, entry, rows[entry.seq - 1], position);
    const from = mayReadFrom(entry.seq);
    if (entry.at < from)
      addViolation(result, "forbidden", 1, `seq ${entry.seq} delivered ${from - entry.at} ms too early`);
    position = Math.max(position ?? 0, entry.seq);
  }
  if (finalSeq !== undefined && position !== finalSeq) {
    addViolation(result, "lost", finalSeq - (position ?? 0), `ends at ${position} instead of ${finalSeq}`);
  }
  const first = record.start ?? record.entries[0]?.seq ?? 0;
  result.expected = Math.max(0, (finalSeq ?? position ?? 0) - first - result.skipped);
  return result;
}

function compare(result, entry, row, position) {
  const { seq } = entry;
  if (!row || row.eventId !== entry.eventId) {
    addViolation(result, "not in the log", 1, `seq ${seq}, event ${entry.eventId}`);
    return;
  }
  if (row.digest !== entry.digest) addViolation(result, "altered", 1, `seq ${seq}`);
  if (position === undefined) addViolation(result, "disorder", 1, `seq ${seq} before the first reload`);
  else if (seq === position) addViolation(result, "duplicate", 1, `seq ${seq} twice`);
  else if (seq < position) addViolation(result, "disorder", 1, `seq ${seq} after ${position}`);
  else if (seq > position + 1) addViolation(result, "lost", seq - position - 1, `seq ${seq} follows ${position}`);
}

function addViolation(result, kind, count, example) {
  result.violations[kind] = (result.violations[kind] ?? 0) + count;
  if (result.examples.length < 5) result.examples.push(`${kind}: ${example}`);
}

/**
 * Returns a function from seq to the time from which the user may read that event. A member may read the whole log; a
 * removed member may read nothing from the removal on until added again. The time is that of the event that added the
 * user.
 */
function readingRights(rows, userId) {
  // `{seq, from}`: the user may read events from `seq` on after the time `from`.
  const rights = [{ seq: 0, from: Infinity }];
  for (const { seq, type, payload, at } of rows) {
    const added = ["vault:created", "member:added"].includes(type) && payload.member.userId === userId;
    if (added) rights.at(-1).from = at;
    else if (type === "member:removed" && payload.userId === userId) rights.push({ seq, from: Infinity });
  }
  return (seq) => rights.findLast((right) => right.seq <= seq).from;
}
