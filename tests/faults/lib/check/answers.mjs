// What was answered, compared with the log: every mutation that was acknowledged is there once, and nothing else (I9).

/** The first word of the title: the key that a writer put there. */
const keyOf = ({ payload }) => payload.source?.title.split(" ")[0];

/**
 * `applied` and `refused` are the ledger's; `base` the seq up to which the log was written before it began; `filled` how
 * many events were written by SQL; `kept` the notes of answers, as `readNotes` gives them; `unknown` what was asked for
 * once and not answered. Returns `{wrong, late, found}`: `found` of the unknown ones are in the log.
 *
 * A refusal is not kept (docs/api.md): of a mutation that was sent more than once, an early copy that was held up, in a
 * frozen server say, may still be applied after a later one was refused, if the role has changed meanwhile. `late` is
 * how often that was so; never twice for one key.
 */
export function checkAnswers({ rows }, vaultId, { applied, refused, unknown, base, filled = 0, kept }) {
  const wrong = [];
  const claimed = new Map();
  for (const entry of applied.values()) {
    if (entry.vaultId !== vaultId) continue;
    const row = rows[entry.seq - 1];
    const what = `${entry.kind} with key ${entry.key}, acknowledged at ${entry.seq}`;
    if (!row) wrong.push(`${what}: the log has no such seq`);
    else if (!isOf(entry, row)) wrong.push(`${what}: the log has another event there, ${row.type}`);
    if (claimed.has(entry.seq)) wrong.push(`${what}: so was ${claimed.get(entry.seq)}`);
    claimed.set(entry.seq, entry.key);
    const noted = kept.get(`${entry.actorId} ${entry.key}`);
    if (!entry.plain && noted !== entry.seq) wrong.push(`${what}: the note of the answer says ${noted}`);
  }
  const keys = new Set();
  let others = 0;
  let late = 0;
  let found = 0;
  for (const row of rows.slice(base)) {
    const key = keyOf(row);
    if (key === "Filled") {
      others++;
    } else {
      if (key && keys.has(key)) wrong.push(`seq ${row.seq}: key ${key} was applied twice`);
      if (key) keys.add(key);
      if (claimed.has(row.seq)) continue;
      if (isUnknown(unknown.get(key), row)) found++;
      else if (isLateCopy(refused, row)) late++;
      else wrong.push(`seq ${row.seq}, ${row.type}, ${key ?? "without a key"}: nobody was told of it`);
    }
  }
  if (others !== filled) wrong.push(`${others} events written by SQL, instead of ${filled}`);
  return { wrong, late, found };
}

/** Whether the row is what this mutation asked for, if anything did. */
const isUnknown = (entry, row) =>
  entry !== undefined &&
  entry.kind === row.type &&
  entry.actorId === row.actorId &&
  (entry.sourceId === undefined || entry.sourceId === row.payload.source.id);

/** Whether the row may be what one of several copies of a refused mutation asked for. */
function isLateCopy(refused, row) {
  const entries = row.type === "source:deleted" ? [...refused.values()] : [refused.get(keyOf(row))];
  return entries.some(
    (entry) =>
      entry?.copies > 1 &&
      entry.kind === row.type &&
      entry.actorId === row.actorId &&
      (entry.sourceId === undefined || entry.sourceId === (row.payload.sourceId ?? row.payload.source.id)),
  );
}

/** Whether that row is what the mutation asked for. */
function isOf({ kind, key, actorId, sourceId, userId, answer }, row) {
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

/** The notes that the servers keep of answers, by user and key: the seq that each says. */
export async function readNotes(database) {
  const rows = await database.rows("SELECT user_id, key, (response->>'seq')::int AS seq FROM idempotency_keys");
  return new Map(rows.map(({ user_id, key, seq }) => [`${user_id} ${key}`, seq]));
}
