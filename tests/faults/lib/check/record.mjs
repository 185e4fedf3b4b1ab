// What one subscriber was handed of one vault, compared with the log (I1, I3, I4, I6).

/** The kinds of violations. */
export const VIOLATIONS = ["lost", "duplicate", "disorder", "not in the log", "altered", "forbidden", "resync"];

/**
 * Compares a record with the rows of a log: the same events, in the same order, each once, and nothing else; where a
 * reload set the position anew, what it skipped is not missing.
 *
 * `upto` is where it must have arrived: the head for a member; for one who was removed at last, undefined, since what
 * was not delivered by then may never be. `userId` is whose record it is. `resyncs` says whether reloads may happen at
 * all after the first. Returns `{violations: {kind: count}, examples, expected, seen, skipped}`.
 */
export function checkRecord(record, rows, { userId, upto, resyncs = false }) {
  const result = { violations: {}, examples: [], expected: 0, seen: 0, skipped: 0 };
  const mayReadFrom = readingRights(rows, userId);
  let position = record.start;
  for (const entry of record.entries) {
    if (!entry.event) {
      if (position !== undefined) {
        if (!resyncs) blame(result, "resync", 1, `reloaded at ${entry.seq}, from ${position}`);
        result.skipped += Math.max(0, entry.seq - position);
      }
      if (entry.seq > rows.length) blame(result, "not in the log", 1, `a reload at ${entry.seq} of ${rows.length}`);
      position = entry.seq;
      continue;
    }
    result.seen++;
    compare(result, entry, rows[entry.seq - 1], position);
    const from = mayReadFrom(entry.seq);
    if (entry.at < from) blame(result, "forbidden", 1, `seq ${entry.seq} handed over ${from - entry.at} ms too early`);
    position = Math.max(position ?? 0, entry.seq);
  }
  if (upto !== undefined && position !== upto) {
    blame(result, "lost", upto - (position ?? 0), `ends at ${position} instead of ${upto}`);
  }
  const first = record.start ?? record.entries[0]?.seq ?? 0;
  result.expected = Math.max(0, (upto ?? position ?? 0) - first - result.skipped);
  return result;
}

function compare(result, entry, row, position) {
  const { seq } = entry;
  if (!row || row.eventId !== entry.eventId) {
    blame(result, "not in the log", 1, `seq ${seq}, event ${entry.eventId}`);
    return;
  }
  if (row.digest !== entry.digest) blame(result, "altered", 1, `seq ${seq}`);
  if (position === undefined) blame(result, "disorder", 1, `seq ${seq} before the first reload`);
  else if (seq === position) blame(result, "duplicate", 1, `seq ${seq} twice`);
  else if (seq < position) blame(result, "disorder", 1, `seq ${seq} after ${position}`);
  else if (seq > position + 1) blame(result, "lost", seq - position - 1, `seq ${seq} follows ${position}`);
}

function blame(result, kind, count, example) {
  result.violations[kind] = (result.violations[kind] ?? 0) + count;
  if (result.examples.length < 5) result.examples.push(`${kind}: ${example}`);
}

/**
 * From when on a user may have read an event: a member may read the whole log, one who was removed nothing from that
 * event on until taken in again. Returns a function of seq; the time is the one of the event that gave the right.
 */
function readingRights(rows, userId) {
  // `{seq, from}`: events from `seq` on may be read from the time `from` on.
  const rights = [{ seq: 0, from: Infinity }];
  for (const { seq, type, payload, at } of rows) {
    const taken = ["vault:created", "member:added"].includes(type) && payload.member.userId === userId;
    if (taken) rights.at(-1).from = at;
    else if (type === "member:removed" && payload.userId === userId) rights.push({ seq, from: Infinity });
  }
  return (seq) => rights.findLast((right) => right.seq <= seq).from;
}
