// The log of each vault as the database has it, and whether it is whole and tells the projection (I2, I7).
import { digest } from "../follower.mjs";

/**
 * Everything the checks compare with, read in one snapshot: `Map` of vault id to `{rows, head, projection}`. A row has
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

/** I2: seq 1 to head without hole, each event named once, times ascending, payload and row of one mind. */
export function checkLog({ rows, head }) {
  const wrong = [];
  const ids = new Set();
  let before = { seq: 0 };
  let latest = 0;
  for (const row of rows) {
    if (row.seq !== before.seq + 1) wrong.push(`seq ${row.seq} follows ${before.seq}`);
    // What SQL filled in has the time at which its transaction began to wait for the vault.
    const filled = row.payload.source?.title.startsWith("Filled");
    if (!filled && row.at < latest) wrong.push(`seq ${row.seq} is older than what comes before it`);
    if (!filled) latest = row.at;
    if (ids.has(row.eventId)) wrong.push(`seq ${row.seq}: event ${row.eventId} is there twice`);
    if (row.payload.seq !== row.seq || row.payload.eventId !== row.eventId)
      wrong.push(`seq ${row.seq}: the payload says seq ${row.payload.seq}, event ${row.payload.eventId}`);
    if (row.payload.actor.userId !== row.actorId) wrong.push(`seq ${row.seq}: the payload names another actor`);
    ids.add(row.eventId);
    before = row;
  }
  if (before.seq !== head) wrong.push(`the log ends at ${before.seq}, the vault says ${head}`);
  return wrong;
}

/** What each role may do. */
const ALLOWED = {
  owner: () => true,
  contributor: (type) => type.startsWith("source:"),
  viewer: () => false,
};

/**
 * I7: the log, folded strictly, is the projection. On the way: who acted had the role to do so at that very position
 * (decision 2), so nobody wrote after a removal or demotion.
 */
export function checkFold({ rows, projection }) {
  const wrong = [];
  const state = { vault: undefined, members: new Map(), sources: new Map() };
  for (const { seq, type, payload } of rows) {
    const complain = (what) => wrong.push(`seq ${seq}, ${type}: ${what}`);
    if (type !== "vault:created") {
      const role = state.members.get(payload.actor.userId)?.role;
      if (!role || !ALLOWED[role](type)) complain(`done by one who was ${role ?? "no member"}`);
      if (role && payload.actor.role !== role) complain(`the actor is shown as ${payload.actor.role}, and was ${role}`);
    }
    FOLD[type](state, payload, complain);
  }
  const folded = {
    vault: JSON.stringify(state.vault),
    members: inOrder(state.members),
    sources: inOrder(state.sources),
  };
  for (const part of Object.keys(folded)) {
    if (JSON.stringify(folded[part]) !== JSON.stringify(normal(projection[part])))
      wrong.push(`the table's ${part} are not what the log tells`);
  }
  return wrong;
}

const inOrder = (map) => [...map.keys()].sort().map((id) => JSON.stringify(map.get(id)));
const normal = (json) => (Array.isArray(json) ? json.map(normal) : JSON.stringify(JSON.parse(json)));

const FOLD = {
  "vault:created": (state, { vault, member }, complain) => {
    if (state.vault) complain("the vault was there");
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
  "member:added": (state, { member }, complain) => {
    if (state.members.has(member.userId)) complain("was a member");
    state.members.set(member.userId, member);
  },
  "member:updated": (state, { member }, complain) => {
    if (!state.members.has(member.userId)) complain("was no member");
    state.members.set(member.userId, member);
  },
  "member:removed": (state, { userId }, complain) => {
    if (!state.members.delete(userId)) complain("was no member");
  },
  "source:created": (state, { source }, complain) => {
    if (state.sources.has(source.id) || source.version !== 1) complain("was there");
    state.sources.set(source.id, source);
  },
  "source:updated": (state, { source }, complain) => {
    const before = state.sources.get(source.id)?.version;
    if (source.version !== before + 1) complain(`version ${source.version} after ${before}`);
    state.sources.set(source.id, source);
  },
  "source:deleted": (state, { sourceId }, complain) => {
    if (!state.sources.delete(sourceId)) complain("was not there");
  },
};
