// (d) The package pg-transactional-outbox with its own outbox table. Its listener reads the write-ahead log, which is the
// faster of its two listeners, and runs without the protections that cost one query per message. Segments keep the order
// of a vault's messages. The package does not number messages.

import { randomUUID } from "node:crypto";

import {
  createReplicationSegmentMutexConcurrencyController,
  getDisabledLogger,
  initializeMessageStorage,
  initializeReplicationMessageListener,
} from "pg-transactional-outbox";

import { connection, eventOf, insertSource, pool, room, serve, transaction } from "./common.mjs";

// Slot names are global in a PostgreSQL server, so the name contains the database.
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
// Messages that the package gives up on must show in the log of a run.
const logError = (...what) => console.error(...what);
const logger = { ...getDisabledLogger(), warn: logError, error: logError, fatal: logError };
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
