// Builds long logs quickly: one statement writes many events, in the form that the append functions write.
import { eventually } from "./wait.mjs";

/** Appends `count` source:created events with their sources, without NOTIFY: servers find them by their sweep. */
export async function appendEvents(
  database,
  { vaultId, actor, count, title = "Filled", fileUrl = "https://example.test/f" },
) {
  await database.rows(
    `WITH v AS (UPDATE vaults SET head_seq = head_seq + $3 WHERE id = $1 RETURNING head_seq - $3 AS base),
          n AS MATERIALIZED (
              SELECT v.base + i AS seq, gen_random_uuid() AS event_id, date_trunc('milliseconds', now()) AS at,
                     ROW(gen_random_uuid(), $1::uuid, $4::text, $5::text, 1, date_trunc('milliseconds', now()),
                         date_trunc('milliseconds', now()))::sources AS s
              FROM v, generate_series(1, $3::int) AS i),
          written AS (INSERT INTO sources SELECT (n.s).* FROM n)
     INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
     SELECT $1, n.seq, n.event_id, 'source:created',
            ('{"source":' || source_json(n.s) || ',"actor":' || actor_json($2, $6, 'owner') || ',"timestamp":"'
             || event_time(n.at) || '","seq":' || n.seq || ',"eventId":"' || n.event_id || '"}')::json, $2, n.at
     FROM n`,
    [vaultId, actor.id, count, title, fileUrl, actor.name],
  );
  return database.headSeq(vaultId);
}

/** Returns an ASCII text of `bytes` bytes. */
export const textOfBytes = (bytes) => "0123456789abcdef".repeat(Math.ceil(bytes / 16)).slice(0, bytes);

/**
 * Appends `count` source:created events of about `bytes` bytes each, larger than the API accepts. It writes only the log,
 * no sources. `client` is a pool or a connection.
 */
export async function appendLargeEvents(client, { vaultId, actor, count, bytes }) {
  await client.query(
    `WITH v AS (UPDATE vaults SET head_seq = head_seq + $3 WHERE id = $1 RETURNING head_seq - $3 AS base),
          n AS MATERIALIZED (SELECT v.base + i AS seq, gen_random_uuid() AS event_id FROM v, generate_series(1, $3::int) AS i)
     INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
     SELECT $1, n.seq, n.event_id, 'source:created',
            json_build_object('source', json_build_object('id', gen_random_uuid(), 'title', $4::text, 'vaultId', $1::uuid),
                              'actor', json_build_object('userId', $2::uuid), 'seq', n.seq, 'eventId', n.event_id),
            $2, now()
     FROM n`,
    [vaultId, actor.id, count, textOfBytes(bytes)],
  );
}

/** Notifies all servers about the vault, as a server does after a commit. */
export function notifyVault(client, vaultId) {
  return client.query("SELECT pg_notify('syncscript_outbox', $1)", [`someone,${vaultId}`]);
}

/** Waits until at least `count` statements in this database wait for a lock. Returns their number. */
export function waitForBlocked(database, count = 1) {
  return eventually(async () => {
    const [{ n }] = await database.rows(
      `SELECT count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
    );
    return n >= count && n;
  }, `${count} statements waiting for a lock`);
}
