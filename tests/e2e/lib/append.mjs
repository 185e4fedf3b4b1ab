// Long logs, quickly: many events by one statement, as the append functions would have written them.
import { eventually } from "./wait.mjs";

/** Appends `count` source:created events with their sources. Tells nobody: servers find them by their sweep. */
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

/** A text of `bytes` bytes that is hard to compress, for events larger than the contract lets anyone write. */
export const textOfBytes = (bytes) => "0123456789abcdef".repeat(Math.ceil(bytes / 16)).slice(0, bytes);

/**
 * Appends `count` source:created events of about `bytes` bytes each to the log alone: such a title is in no source.
 * `client` is a pool or a connection.
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

/** Tells all servers of the vault, as their notifier would. */
export function notifyVault(client, vaultId) {
  return client.query("SELECT pg_notify('syncscript_outbox', $1)", [`someone,${vaultId}`]);
}

/** Waits until some statement of this database waits for a lock; returns how many do. */
export function waitForBlocked(database, count = 1) {
  return eventually(async () => {
    const [{ n }] = await database.rows(
      `SELECT count(*)::int AS n FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`,
    );
    return n >= count && n;
  }, `${count} statements waiting for a lock`);
}
