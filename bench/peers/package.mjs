// (d) The package pg-transactional-outbox, which has an outbox of its own, with its listener that reads the write-ahead
// log: the quicker of its two, and without the protections that cost it a query a message. Messages of a vault keep their
// order by its segments; it numbers nothing.

import { randomUUID } from "node:crypto";

import {
  createReplicationSegmentMutexConcurrencyController,
  getDisabledLogger,
  initializeMessageStorage,
  initializeReplicationMessageListener,
} from "pg-transactional-outbox";

import { connection, eventOf, insertSource, pool, room, serve, transaction } from "./common.mjs";

// A slot's name is known to the whole PostgreSQL, so each database has its own.
const slot = `outbox_${new URL(connection.connectionString).pathname.slice(1)}`;
await pool.query("CREATE PUBLICATION outbox_publication FOR TABLE package_outbox WITH (publish = 'insert')");
await pool.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);

const config = {
  outboxOrInbox: "outbox",
  dbListenerConfig: connection,
  settings: {
    dbSchema: "public",
    dbTable: "package_outbox",
    dbPublication: "outbox_publication",
    dbReplicationSlot: slot,
    enableMaxAttemptsProtection: false,
    enablePoisonousMessageProtection: false,
  },
};
// What it gives up on is worth seeing in the log of a run.
const complain = (...what) => console.error(...what);
const logger = { ...getDisabledLogger(), warn: complain, error: complain, fatal: complain };
const store = initializeMessageStorage(config, logger);

const io = serve({
  createSource: (actor, vaultId, body) =>
    transaction(async (db) => {
      const source = await insertSource(db, vaultId, body);
      const id = randomUUID();
      await store(
        {
          id,
          aggregateType: "vault",
          aggregateId: vaultId,
          messageType: "source:created",
          segment: vaultId,
          payload: eventOf(source, actor, { eventId: id }),
        },
        db,
      );
      return source;
    }),
});

initializeReplicationMessageListener(
  config,
  {
    handle: async (message) => {
      io.to(room(message.aggregateId)).emit(message.messageType, message.payload);
    },
  },
  logger,
  { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
);
