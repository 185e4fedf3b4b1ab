// (b) The same promises as SyncScript's, written in idiomatic Node.js: vault row, role, source, outbox row and NOTIFY in
// one transaction. A relay listens, reads the new events of all notified vaults in one query, and emits them.

import { randomUUID } from "node:crypto";

import pg from "pg";

import {
  connection,
  eventOf,
  insertSource,
  pool,
  readUser,
  requireRole,
  room,
  run,
  serve,
  transaction,
} from "./common.mjs";

/** The last emitted seq of each vault that has been joined. */
const emittedSeqs = new Map();
const pendingVaults = new Set();
let reading = false;

const io = serve({
  authorize: readUser,
  joined: (vaultId, seq) => {
    if (!emittedSeqs.has(vaultId)) emittedSeqs.set(vaultId, seq);
  },
  createSource: (user, vaultId, body) =>
    transaction(async (db) => {
      // The update locks the vault, so that seq order is commit order and the role is read after the lock.
      const bump = "UPDATE vaults SET head_seq = head_seq + 1 WHERE id = $1 RETURNING head_seq::int AS seq";
      const [head] = await run(db, "bump", bump, [vaultId]);
      const sql = "SELECT role FROM vault_users WHERE vault_id = $1 AND user_id = $2";
      const [found] = await run(db, "role", sql, [vaultId, user.userId]);
      requireRole(head && found?.role);
      const source = await insertSource(db, vaultId, body);
      const event = eventOf(source, { ...user, ...found }, { seq: head.seq, eventId: randomUUID() });
      const insert = `WITH event AS (INSERT INTO outbox (vault_id, seq, type, payload) VALUES ($1, $2, $3, $4))
                    SELECT pg_notify('outbox', $1::text)`;
      await run(db, "event", insert, [vaultId, head.seq, "source:created", JSON.stringify(event)]);
      return source;
    }),
});

async function relay() {
  if (reading) return;
  reading = true;
  while (pendingVaults.size > 0) {
    const vaults = [...pendingVaults];
    pendingVaults.clear();
    const sql = `SELECT o.vault_id, o.seq::int, o.type, o.payload FROM unnest($1::uuid[], $2::bigint[]) p (vault_id, seq)
                 JOIN outbox o ON o.vault_id = p.vault_id AND o.seq > p.seq ORDER BY o.vault_id, o.seq`;
    for (const event of await run(pool, "news", sql, [vaults, vaults.map((vault) => emittedSeqs.get(vault))])) {
      io.to(room(event.vault_id)).emit(event.type, event.payload);
      emittedSeqs.set(event.vault_id, event.seq);
    }
  }
  reading = false;
}

const listener = new pg.Client(connection);
await listener.connect();
listener.on("notification", ({ payload }) => {
  if (!emittedSeqs.has(payload)) return;
  pendingVaults.add(payload);
  relay().catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
await listener.query("LISTEN outbox");
