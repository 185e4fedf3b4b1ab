// Reads each vault's log from the database and checks that it is gapless and folds to the projection (I2, I7).
import { digest } from "../subscriber.mjs";

/**
 * Reads everything the checks compare with in one snapshot: `Map` from vault id to `{rows, head, projection}`. A row has
 * `seq`, `eventId`, `type`, `actorId`, `at` (ms), `payload` and `digest`.
 */
export async function readLogs(database, vaultIds) {
  const client = await database.connection();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const logs = new Map();
    for (const vaultId of vaultIds) logs.set(vaultId, await readLog(client, vaultId));
    return logs;
  } finally {
    await client.end();
  }
}

async function readLog(client, vaultId) {
  const rowsOf = async (sql) => (await client.query(sql, [vaultId])).rows;
  const rows = await rowsOf(
    `SELECT seq::int AS seq, event_id, type, actor_id, payload::text AS payload,
            floor(extract(epoch FROM created_at) * 1000)::float8 AS at
     FROM outbox WHERE vault_id = $1 ORDER BY seq`,
  );
  const [vault] = await rowsOf("SELECT head_seq::int AS head, vault_json(v) AS vault FROM vaults v WHERE id = $1");
  const members = await rowsOf(
    `SELECT member_json(m, u.name) AS member FROM vault_users m JOIN users u ON u.id = m.user_id
     WHERE m.vault_id = $1 ORDER BY m.user_id`,
  );
  const sources = await rowsOf("SELECT source_json(s) AS source FROM sources s WHERE vault_id = $1 ORDER BY id");
  return {
    head: vault.head,
    rows: rows.map(({ seq, event_id, type, actor_id, payload, at }) => {
      const parsed = JSON.parse(payload);
      return { seq, eventId: event_id, type, actorId: actor_id, at, payload: parsed, digest: digest(type, parsed) };
    }),
    projection: {
      vault: vault.vault,
      members: members.map(({ member }) => member),
      sources: sources.map(({ source }) => source),
    },
  };
}

/** I2: seq runs from 1 to the head without a gap, event ids are unique, times ascend, payloads agree with their rows. */
export function checkLog({ rows, head }) {
  const problems = [];
  const ids = new Set();
  let before = { seq: 0 };
  let latest = 0;
  for (const row of rows) {
    if (row.seq !== before.seq + 1) problems.push(`seq ${row.seq} follows ${before.seq}`);
    // Events written by SQL have the time at which their transaction began, before it waited for the vault's lock.
    const filled = row.payload.source?.title.startsWith("Filled");
    if (!filled && row.at < latest) problems.push(`seq ${row.seq} is older than the event before it`);
    if (!filled) latest = row.at;
    if (ids.has(row.eventId)) problems.push(`seq ${row.seq}: event ${row.eventId} occurs twice`);
    if (row.payload.seq !== row.seq || row.payload.eventId !== row.eventId)
      problems.push(`seq ${row.seq}: the payload has seq ${row.payload.seq}, event ${row.payload.eventId}`);
    if (row.payload.actor.userId !== row.actorId) problems.push(`seq ${row.seq}: the payload names another actor`);
    ids.add(row.eventId);
    before = row;
  }
  if (before.seq !== head) problems.push(`the log ends at ${before.seq}, head_seq is ${head}`);
  return problems;
}

/** The event types that each role may cause. */
const ALLOWED = {
  owner: () => true,
  contributor: (type) => type.startsWith("source:"),
  viewer: () => false,
};

/**
 * I7: the log, folded strictly, gives the projection. It also checks that each actor had the required role at that
 * position (decision 24), so nobody wrote after a removal or demotion.
 */
export function checkFold({ rows, projection }) {
  const problems = [];
  const state = { vault: undefined, members: new Map(), sources: new Map() };
  for (const { seq, type, payload } of rows) {
    const report = (what) => problems.push(`seq ${seq}, ${type}: ${what}`);
    if (type !== "vault:created") {
      const role = state.members.get(payload.actor.userId)?.role;
      if (!role || !ALLOWED[role](type)) report(`the actor was ${role ?? "not a member"}`);
      if (role && payload.actor.role !== role)
        report(`the payload has the actor's role as ${payload.actor.role} instead of ${role}`);
    }
    FOLD[type](state, payload, report);
  }
  const folded = {
    vault: JSON.stringify(state.vault),
    members: valuesById(state.members),
    sources: valuesById(state.sources),
  };
  for (const part of Object.keys(folded)) {
    if (JSON.stringify(folded[part]) !== JSON.stringify(normalize(projection[part])))
      problems.push(`the ${part} in the tables differ from the folded log`);
  }
  return problems;
}

const valuesById = (map) => [...map.keys()].sort().map((id) => JSON.stringify(map.get(id)));
const normalize = (json) => (Array.isArray(json) ? json.map(normalize) : JSON.stringify(JSON.parse(json)));

const FOLD = {
  "vault:created": (state, { vault, member }, report) => {
    if (state.vault) report("the vault already existed");
    state.vault = vault;
    state.members.set(member.userId, member);
  },
  "vault:updated": (state, { vault }) => {
    state.vault = vault;
  },
  "vault:deleted": (state) => {
    state.members.clear();
    state.sources.clear();
  },
  "member:added": (state, { member }, report) => {
    if (state.members.has(member.userId)) report("the user was already a member");
    state.members.set(member.userId, member);
  },
  "member:updated": (state, { member }, report) => {
    if (!state.members.has(member.userId)) report("the user was not a member");
    state.members.set(member.userId, member);
  },
  "member:removed": (state, { userId }, report) => {
    if (!state.members.delete(userId)) report("the user was not a member");
  },
  "source:created": (state, { source }, report) => {
    if (state.sources.has(source.id) || source.version !== 1)
      report("the source already existed, or its version is not 1");
    state.sources.set(source.id, source);
  },
  "source:updated": (state, { source }, report) => {
    const before = state.sources.get(source.id)?.version;
    if (source.version !== before + 1) report(`version ${source.version} after ${before}`);
    state.sources.set(source.id, source);
  },
  "source:deleted": (state, { sourceId }, report) => {
    if (!state.sources.delete(sourceId)) report("the source did not exist");
  },
};
