// Regression tests for defects that other outbox relays and realtime servers have had.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents, appendLargeEvents, notifyVault, waitForBlocked } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { sqlCreateSource } from "./lib/database.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { TcpProxy } from "./lib/tcp-proxy.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

/** So long that no sweep runs during a test. */
const NO_SWEEP = { SYNCSCRIPT_SWEEP_INTERVAL_MS: "3600000" };
/** High limits for tests with hundreds of requests. */
const UNLIMITED = { SYNCSCRIPT_SOCKET_RATE: "100000", SYNCSCRIPT_SOCKET_BURST: "100000" };

let world, owner, nodes;
before(async () => {
  world = await World.open({ env: UNLIMITED });
  owner = world.users.owner;
  nodes = [world.server, await world.startServer({ env: UNLIMITED })];
});
after(async () => {
  await world?.close();
  assertNoPanic(...nodes);
});

async function connectClient(options, node = world.server, rest = owner) {
  return world.defer(await BulkSubscriber.connect(node.url, rest, options), (client) => client.close());
}

/** Connects a client to each node and joins the vault's room. */
async function joinOnEachNode(vaultId) {
  const clients = await Promise.all(nodes.map((node) => connectClient({}, node)));
  for (const client of clients) client.joined = await client.join(vaultId);
  return clients;
}

async function openConnections(count) {
  const all = await Promise.all(Array.from({ length: count }, () => world.database.connection()));
  world.defer(all, () => Promise.all(all.map((connection) => connection.end())));
  return all;
}

const write = (connection, vault) => sqlCreateSource(connection, { vaultId: vault.id, actorId: owner.user.id });

async function assertAllReceivedLog(clients, vaultId) {
  const head = await world.database.headSeq(vaultId);
  for (const client of clients) {
    await client.until(() => client.lastSeq(vaultId) === head, "the head of the log");
    await assertMatchesLog(world.database, vaultId, client.eventsOf(vaultId), client.joined.seq + 1, head);
  }
}

describe("I2, I3: the order of transactions", () => {
  test("transactions that begin first and commit last, in ten vaults at once: every event arrives", async () => {
    const count = 10;
    const vaults = await Promise.all(Array.from({ length: count }, () => world.vault()));
    const clients = await Promise.all(nodes.map((node) => connectClient({}, node)));
    for (const client of clients) for (const vault of vaults) await client.join(vault.id);
    const writers = await openConnections(count);
    for (const [i, vault] of vaults.entries()) {
      await writers[i].query("BEGIN");
      await write(writers[i], vault);
    }
    // A cursor over a global id would skip the remaining events after the first of these commits.
    for (const [i, vault] of [...vaults.entries()].reverse()) {
      await writers[i].query("COMMIT");
      await notifyVault(world.database.pool, vault.id);
      for (const client of clients) await client.until(() => client.lastSeq(vault.id) === 2, `the event of vault ${i}`);
    }
    for (const client of clients) {
      for (const vault of vaults) await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 2, 2);
    }
  });

  test("a long-running transaction neither delays nor hides the events of other vaults", async () => {
    const [locked, busy] = [await world.vault(), await world.vault()];
    const clients = await joinOnEachNode(busy.id);
    for (const client of clients) await client.join(locked.id);
    const [writer] = await openConnections(1);
    await writer.query("BEGIN");
    await write(writer, locked);
    for (let i = 0; i < 20; i++) await owner.createSource(busy.id);
    await assertAllReceivedLog(clients, busy.id);
    await writer.query("COMMIT");
    for (const client of clients) await client.until(() => client.lastSeq(locked.id) === 2, "the late event");
  });

  test("rollbacks while other writers wait: no gap, and every committed event arrives", async () => {
    const vault = await world.vault();
    const clients = await joinOnEachNode(vault.id);
    const writers = await openConnections(4);
    await Promise.all(
      writers.map(async (writer, i) => {
        for (let round = 0; round < 25; round++) {
          await writer.query("BEGIN");
          await write(writer, vault);
          await writer.query((round + i) % 3 ? "ROLLBACK" : "COMMIT");
        }
      }),
    );
    // A writer that waited for a rolled-back transaction takes over its seq.
    await writers[0].query("BEGIN");
    await write(writers[0], vault);
    const head = await world.database.headSeq(vault.id);
    const waiting = owner.createSource(vault.id, "Waiting");
    await waitForBlocked(world.database);
    await writers[0].query("ROLLBACK");
    assert.equal((await waiting).seq, head + 1);
    assert.equal(head, 1 + 4 * 25 - writers.reduce((sum, _, i) => sum + rolledBack(i), 0));
    await assertAllReceivedLog(clients, vault.id);
  });

  const rolledBack = (i) => Array.from({ length: 25 }, (_, round) => (round + i) % 3).filter(Boolean).length;

  test("a commit at any moment between reading the backlog and entering the room arrives once and in order", async () => {
    const vault = await world.vault();
    const [writer] = await openConnections(1);
    for (let round = 0; round < 60; round++) {
      const client = await connectClient({ transports: ["websocket"] }, nodes[round % 2]);
      const before = await world.database.headSeq(vault.id);
      await writer.query("BEGIN");
      await write(writer, vault);
      const joining = client.join(vault.id, before - 1);
      if (round % 3 === 0) await joining;
      if (round % 3 === 1) await new Promise((resolve) => setImmediate(resolve));
      await writer.query("COMMIT");
      await notifyVault(world.database.pool, vault.id);
      const { seq } = await joining;
      assert.ok(seq === before || seq === before + 1, `${seq}`);
      await client.until(() => client.lastSeq(vault.id) === before + 1, `round ${round}`);
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), before, before + 1, `round ${round}`);
      client.close();
    }
  });
});

describe("I3: the acknowledgement of a join", () => {
  test("a mutation right after the acknowledgement arrives, 210 times: by the same socket, by REST, by another node", async () => {
    const vault = await world.vault();
    const client = await connectClient({ transports: ["websocket"] });
    for (let round = 0; round < 210; round++) {
      const ack = await client.emitWithAck("vault:join", vault.id);
      const mutation = [
        () => client.emitWithAck("source:created", { vaultId: vault.id, ...newSource() }),
        () => owner.createSource(vault.id),
        () => owner.at(nodes[1]).createSource(vault.id),
      ][round % 3]();
      await client.until(() => client.lastSeq(vault.id) === ack.seq + 1, `round ${round}`);
      assert.equal((await mutation).seq, ack.seq + 1);
      await client.emitWithAck("vault:leave", vault.id);
    }
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 2, 211);
  });

  test("a mutation right after the acknowledgement arrives on 30 new connections", async () => {
    const vault = await world.vault();
    for (let round = 0; round < 30; round++) {
      const client = await connectClient({
        transports: [["websocket"], ["polling"], ["polling", "websocket"]][round % 3],
      });
      const ack = await client.emitWithAck("vault:join", vault.id);
      const { seq } = await owner.createSource(vault.id);
      await client.until(() => client.lastSeq(vault.id) === seq, `round ${round}`);
      assert.deepEqual([ack.seq + 1, client.eventsOf(vault.id).length], [seq, 1]);
      client.close();
    }
  });
});

describe("large payloads", () => {
  test("payloads over 8000 bytes with multi-byte characters reach another node unchanged by NOTIFY alone", async () => {
    const own = await World.open({ env: NO_SWEEP });
    try {
      const other = await own.startServer({ env: NO_SWEEP });
      await eventually(async () => (await own.database.listeners()) === 2, "both nodes listen");
      const writer = own.users.owner;
      const vault = await own.vault();
      const clients = [];
      for (const transports of [["websocket"], ["polling"]]) {
        for (const server of [own.server, other]) {
          const client = own.defer(await BulkSubscriber.connect(server.url, writer, { transports }), (it) =>
            it.close(),
          );
          await client.join(vault.id);
          clients.push(client);
        }
      }
      const start = "https://example.test/";
      for (const [title, path] of [
        ["\u{1D11E}".repeat(500), "\u6F22".repeat(2048 - start.length)],
        ["\u{1F468}\u200D\u{1F469}".repeat(166), "\u{1F600}".repeat(2048 - start.length)],
        ['"\\'.repeat(250), "%22".repeat(600)],
        ["\u2028\u007F\u0001".repeat(166), "\u00E9".repeat(2048 - start.length)],
      ]) {
        const body = { title, fileUrl: start + path };
        const { seq } = await writer.expect(201, "POST", `/api/vaults/${vault.id}/sources`, body);
        for (const client of clients) {
          await client.until(() => client.lastSeq(vault.id) === seq, `event ${seq}`);
          const { source } = client.latest["source:created"];
          assert.deepEqual({ title: source.title, fileUrl: source.fileUrl }, body);
        }
      }
      const [{ bytes }] = await own.database.rows("SELECT max(octet_length(payload::text)) AS bytes FROM outbox");
      assert.ok(bytes > 8000, `${bytes} bytes`);
      for (const client of clients) await assertMatchesLog(own.database, vault.id, client.eventsOf(vault.id), 2, 5);
      assertNoPanic(own.server, other);
    } finally {
      await own.close();
    }
  });

  test("four events of 60 kB during connect and upgrade, 100 runs: none lost, none duplicated", async (t) => {
    const lanes = 10;
    let upgrades = 0;
    await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const vault = await world.vault();
        for (let run = 0; run < 100 / lanes; run++) {
          const before = await world.database.headSeq(vault.id);
          const append = () =>
            appendLargeEvents(world.database.pool, { vaultId: vault.id, actor: owner.user, count: 4, bytes: 60_000 });
          // In turn: already in the log, or written while the client connects and upgrades.
          const live = run % 2 === 1;
          if (!live) await append();
          const client = world.defer(new BulkSubscriber(world.server.url, { cookie: owner.cookie }), (it) =>
            it.close(),
          );
          const upgraded = new Promise((resolve) =>
            client.socket.io.once("open", () => client.socket.io.engine.once("upgrade", resolve)),
          );
          client.follow(vault.id, before);
          await client.until(() => client.latest.connect, "connected");
          if (live) {
            await append();
            await notifyVault(world.database.pool, vault.id);
          }
          await client.until(
            () => client.lastSeq(vault.id) >= before + 4,
            `lane ${lane}, run ${run}: the fourth event`,
          );
          await withDeadline(upgraded, "the upgrade");
          upgrades++;
          // The response to a request arrives after everything that was sent before.
          await client.emitWithAck("vault:leave", vault.id);
          await assertMatchesLog(
            world.database,
            vault.id,
            client.eventsOf(vault.id),
            before + 1,
            before + 4,
            `lane ${lane}, run ${run}`,
          );
          assert.equal(client.disconnects, 0);
          client.close();
        }
      }),
    );
    t.diagnostic(`${upgrades} of 100 runs upgraded to a websocket`);
    assert.equal(upgrades, 100);
  });
});

describe("I4: recovery", () => {
  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    test(`disconnected before the first event, by ${transports.join(" then ")}`, async () => {
      const proxy = world.defer(await TcpProxy.start(world.server.port), (resource) => resource.close());
      const vault = await world.vault();
      const options = { transports, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 };
      const client = await connectClient(options, proxy);
      const { seq } = await client.join(vault.id);
      client.follow(vault.id, seq);
      proxy.hold();
      for (let i = 0; i < 5; i++) await owner.createSource(vault.id, "Missed");
      proxy.release();
      proxy.cut();
      const head = await world.database.headSeq(vault.id);
      await client.until(() => client.lastSeq(vault.id) === head, "the missed events");
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, head);
      assert.ok(client.received.every(({ name }) => name !== "vault:resync"));
    });
  }

  test("a long silence: thousands of events in other vaults, a restart, then the next event", async () => {
    const own = await World.open();
    try {
      const writer = own.users.owner;
      const [silent, busy] = [await own.vault(), await own.vault()];
      const first = await BulkSubscriber.connect(own.server.url, writer);
      await first.join(silent.id);
      const { seq } = await writer.createSource(silent.id, "Last before the silence");
      await first.until(() => first.lastSeq(silent.id) === seq, "the last event");
      first.close();
      await appendEvents(own.database, { vaultId: busy.id, actor: writer.user, count: 5000 });
      await own.server.end("SIGKILL");
      const next = await own.startServer();
      const observer = own.defer(await BulkSubscriber.connect(next.url, writer), (resource) => resource.close());
      await observer.join(busy.id, 4000);
      await own.database.rows("VACUUM");

      const second = own.defer(await BulkSubscriber.connect(next.url, writer), (resource) => resource.close());
      const joined = await second.join(silent.id, seq);
      assert.deepEqual([joined.seq, second.eventsOf(silent.id).length], [seq, 0], "no event during the silence");
      const late = await writer.at(next).createSource(silent.id, "First after the silence");
      await second.until(() => second.lastSeq(silent.id) === late.seq, "the event");
      await assertMatchesLog(own.database, silent.id, second.eventsOf(silent.id), seq + 1, late.seq);
      assertNoPanic(own.server, next);
    } finally {
      await own.close();
    }
  });

  test("joined, silent, then the first event comes from another node, without a sweep", async () => {
    const own = await World.open({ env: NO_SWEEP });
    try {
      const other = await own.startServer({ env: NO_SWEEP });
      await eventually(async () => (await own.database.listeners()) === 2, "both nodes listen");
      const vault = await own.vault();
      const clients = await Promise.all(
        [["websocket"], ["polling"]].map((transports) =>
          BulkSubscriber.connect(own.server.url, own.users.owner, { transports }),
        ),
      );
      own.defer(clients, () => clients.forEach((client) => client.close()));
      for (const client of clients) await client.join(vault.id);
      // The LISTEN connection dies during the silence. The sweep after the new LISTEN makes up for it.
      await own.database.terminateBackends();
      await eventually(async () => (await own.database.listeners()) === 2, "both nodes listen again");
      const { seq } = await eventually(() => own.users.owner.at(other).tryCreateSource(vault.id), "the write succeeds");
      for (const client of clients) await client.until(() => client.lastSeq(vault.id) === seq, "the event");
      assertNoPanic(own.server, other);
    } finally {
      await own.close();
    }
  });
});
