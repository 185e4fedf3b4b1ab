// Compares the responses with the log: the log has every acknowledged mutation once, and nothing else (I9).

/** The key, which the writers put first in the title. */
const keyOf = ({ payload }) => payload.source?.title.split(" ")[0];

/**
 * `applied`, `rejected` and `unknown` come from the mutation history; `base` is the head before the history began;
 * `filled` is the number of events written by SQL; `stored` is the result of `readStoredResponses`. Returns
 * `{problems, late, found}`: `found` is the number of unknown mutations that are in the log.
 *
 * The server does not store rejections (docs/api.md). If a mutation was sent more than once and an early copy was held
 * up, for example in a frozen server, that copy may still be applied after a later copy was rejected, if the role
 * changed in between. `late` counts these cases; a key must never be applied twice.
 */
export function checkResponses({ rows }, vaultId, { applied, rejected, unknown, base, filled = 0, stored }) {
  const problems = [];
  const claimed = new Map();
  for (const entry of applied.values()) {
    if (entry.vaultId !== vaultId) continue;
    const row = rows[entry.seq - 1];
    const what = `${entry.kind} with key ${entry.key}, acknowledged at ${entry.seq}`;
    if (!row) problems.push(`${what}: the log has no event at this seq`);
    else if (!isEffectOf(entry, row)) problems.push(`${what}: the log has a different event at this seq, ${row.type}`);
    if (claimed.has(entry.seq)) problems.push(`${what}: ${claimed.get(entry.seq)} was acknowledged with the same seq`);
    claimed.set(entry.seq, entry.key);
    const storedSeq = stored.get(`${entry.actorId} ${entry.key}`);
    if (!entry.plain && storedSeq !== entry.seq) problems.push(`${what}: the stored response has seq ${storedSeq}`);
  }
  const keys = new Set();
  let sqlEvents = 0;
  let late = 0;
  let found = 0;
  for (const row of rows.slice(base)) {
    const key = keyOf(row);
    if (key === "Filled") {
      sqlEvents++;
    } else {
      if (key && keys.has(key)) problems.push(`seq ${row.seq}: key ${key} was applied twice`);
      if (key) keys.add(key);
      if (claimed.has(row.seq)) continue;
      if (isUnknown(unknown.get(key), row)) found++;
      else if (isLateCopy(rejected, row)) late++;
      else problems.push(`seq ${row.seq}, ${row.type}, ${key ?? "without a key"}: no response acknowledged this event`);
    }
  }
  if (sqlEvents !== filled) problems.push(`${sqlEvents} events written by SQL instead of ${filled}`);
  return { problems, late, found };
}

/** Whether the row is the effect of this mutation without a response, if there is one. */
const isUnknown = (entry, row) =>
  entry !== undefined &&
  entry.kind === row.type &&
  entry.actorId === row.actorId &&
  (entry.sourceId === undefined || entry.sourceId === row.payload.source.id);

/** Whether the row may be the effect of one of several copies of a rejected mutation. */
function isLateCopy(rejected, row) {
  const entries = row.type === "source:deleted" ? [...rejected.values()] : [rejected.get(keyOf(row))];
  return entries.some(
    (entry) =>
      entry?.copies > 1 &&
      entry.kind === row.type &&
      entry.actorId === row.actorId &&
      (entry.sourceId === undefined || entry.sourceId === (row.payload.sourceId ?? row.payload.source.id)),
  );
}

/** Whether the row is the effect of the mutation. */
function isEffectOf({ kind, key, actorId, sourceId, userId, answer }, row) {
  if (row.type !== kind || row.actorId !== actorId) return false;
  switch (kind) {
    case "source:created":
      return keyOf(row) === key && row.payload.source.id === answer.body.source.id;
    case "source:updated":
      return keyOf(row) === key && row.payload.source.id === sourceId;
    case "source:deleted":
      return row.payload.sourceId === sourceId;
    default:
      return (row.payload.userId ?? row.payload.member.userId) === userId;
  }
}

/** The responses that the servers store for idempotency, as a `Map` from "user key" to the seq of the response. */
export async function readStoredResponses(database) {
  const rows = await database.rows("SELECT user_id, key, (response->>'seq')::int AS seq FROM idempotency_keys");
  return new Map(rows.map(({ user_id, key, seq }) => [`${user_id} ${key}`, seq]));
}
