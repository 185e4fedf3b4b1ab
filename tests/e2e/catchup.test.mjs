// I3 and I4 in depth: joining while others write, long backlogs, many clients at once, and access during catch-up.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { BulkSubscriber, RESUMING } from "./lib/bulk-subscriber.mjs";
import { assertEventsEqual, assertMatchesLog } from "./lib/event-record.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];
/** The server's default. */
const BACKLOG_LIMIT = 10_000;
/** How long ten thousand events may take, in milliseconds. The tests assert completeness and only report speed. */
const LONG_TIMEOUT_MS = 30_000;

let world, owner, viewer;
before(async () => {
  // High limits for tests with hundreds of requests and sockets.
  const env = {
    SYNCSCRIPT_SOCKETS_PER_USER: "1000",
    SYNCSCRIPT_SOCKET_RATE: "100000",
    SYNCSCRIPT_SOCKET_BURST: "100000",
  };
  world = await World.open({ env, users: ["owner", "viewer"] });
  ({ owner, viewer } = world.users);
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

async function connectClient(rest, options, url = world.server.url) {
  return world.defer(await BulkSubscriber.connect(url, rest, options), (client) => client.close());
}

/** Creates a vault whose log has `count` more events than a new vault. */
async function vaultWith(count, texts = {}) {
  const vault = await world.vault();
  vault.head = await world.database.headSeq(vault.id);
  if (count > 0)
    vault.head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count, ...texts });
  return vault;
}

/** The number of log events received before `vault:joined`. */
function backlogSize({ received }) {
  const end = received.findIndex(({ name }) => name === "vault:joined");
  return received.slice(0, end).filter(({ data }) => data?.eventId).length;
}

const names = (client) => client.received.map(({ name }) => name).filter((name) => name !== "connect");

describe("I3, I4: joining while writers are busy", () => {
  test("60 joins with random `after`: exactly after+1 to joined.seq, then live events, no gap and no duplicate", async (t) => {
    const vault = await vaultWith(1500);
    const joins = 60;
    const seen = [];
    let disconnects = 0;
    async function lane(first) {
      for (let i = first; i < joins; i += 6) {
        const after = Math.floor(Math.random() * (await world.database.headSeq(vault.id)));
        // A client that falls behind the writers is disconnected and resumes.
        const client = await connectClient(i % 2 ? owner : viewer, { transports: TRANSPORTS[i % 3], ...RESUMING });
        client.follow(vault.id, after);
        const joined = await client.until(() => client.latest["vault:joined"], `vault:joined after ${after}`);
        if (client.disconnects === 0) {
          assert.equal(backlogSize(client), joined.seq - after, "the number of events before vault:joined");
        }
        await client.until(
          () => client.lastSeq(vault.id) >= joined.seq + 5,
          `live events after join ${i}, after ${after}`,
        );
        disconnects += client.disconnects;
        client.close();
        assert.ok(!names(client).includes("vault:resync"));
        seen.push({ after, events: client.eventsOf(vault.id) });
      }
    }
    const write = () => writeSources(owner, vault.id, 3);
    await whileWriting(3, write, () => Promise.all([0, 1, 2, 3, 4, 5].map(lane)));
    t.diagnostic(`${disconnects} disconnections`);
    const log = await world.database.log(vault.id);
    for (const { after, events } of seen) {
      assertEventsEqual(events, log.slice(after, events.at(-1).seq), `the join after ${after}`);
    }
  });

  test("a join concurrent with a commit, 150 times on one socket: each event arrives exactly once", async () => {
    const vault = await vaultWith(0);
    const client = await connectClient(viewer, { transports: ["websocket"] });
    for (let round = 0; round < 150; round++) {
      const from = client.eventsOf(vault.id).length;
      const after = vault.head;
      const writes = Promise.all([1, 2, 3].map(() => owner.createSource(vault.id)));
      const joined = await client.join(vault.id, after);
      vault.head = Math.max(...(await writes).map(({ seq }) => seq));
      await client.until(() => client.lastSeq(vault.id) === vault.head, `round ${round}: the last of three events`);
      // Leave the room, so that the next events arrive only through the next join.
      await client.emitWithAck("vault:leave", vault.id);
      const seqs = client
        .eventsOf(vault.id)
        .slice(from)
        .map(({ seq }) => seq);
      assert.deepEqual(seqs, [after + 1, after + 2, after + 3], `round ${round}, joined at ${joined.seq}`);
    }
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 2 + 1, vault.head);
  });

  test("several nodes: a join on a node that has received no notification about the vault", async () => {
    // Without LISTEN and without a sweep, the other node knows only what the joins themselves read.
    const noWakeUp = { SYNCSCRIPT_LISTEN: "false", SYNCSCRIPT_SWEEP_INTERVAL_MS: "3600000" };
    const other = await world.startServer({ env: noWakeUp });
    const vault = await vaultWith(20);
    const first = await connectClient(viewer, { transports: ["websocket"] }, other.url);
    assert.equal((await first.join(vault.id, 0)).seq, vault.head);
    await owner.createSource(vault.id, "The other node is not notified");
    const second = await connectClient(viewer, { transports: ["websocket"] }, other.url);
    assert.equal((await second.join(vault.id, vault.head)).seq, vault.head + 1, "the join itself finds the event");
    const { seq } = await owner.at(other).createSource(vault.id, "This event wakes the other node");
    for (const client of [first, second]) await client.until(() => client.lastSeq(vault.id) === seq, "the last event");
    await assertMatchesLog(world.database, vault.id, first.eventsOf(vault.id), 1, seq, "the client that joined before");
    await assertMatchesLog(
      world.database,
      vault.id,
      second.eventsOf(vault.id),
      vault.head + 1,
      seq,
      "the client that joined after",
    );
    await other.end("SIGKILL");
  });
});

describe("I4: boundary values of `after`", () => {
  test("`after` at the head brings nothing, 0 brings the whole log; then live events", async () => {
    const vault = await vaultWith(5);
    for (const after of [vault.head, 0]) {
      const client = await connectClient(viewer);
      const joined = await client.join(vault.id, after);
      assert.deepEqual(joined, { vaultId: vault.id, role: "viewer", seq: vault.head });
      assert.equal(client.eventsOf(vault.id).length, vault.head - after);
      vault.head = (await owner.createSource(vault.id)).seq;
      await client.until(() => client.lastSeq(vault.id) === vault.head, "the live event");
      await assertMatchesLog(
        world.database,
        vault.id,
        client.eventsOf(vault.id),
        after + 1,
        vault.head,
        `after ${after}`,
      );
    }
  });

  test("above the head: vault:resync with the head, then vault:joined, then live events", async () => {
    const vault = await vaultWith(5);
    for (const excess of [1, 1000, Number.MAX_SAFE_INTEGER - vault.head]) {
      const client = await connectClient(viewer);
      const joined = await client.join(vault.id, vault.head + excess);
      assert.deepEqual(names(client), ["vault:resync", "vault:joined"]);
      assert.deepEqual(client.latest["vault:resync"], { vaultId: vault.id, seq: vault.head });
      assert.equal(joined.seq, vault.head);
      vault.head = (await owner.createSource(vault.id)).seq;
      await client.until(() => client.lastSeq(vault.id) === vault.head, "the live event");
      assert.equal(client.eventsOf(vault.id).length, 1);
    }
  });

  test("a backlog over the limit: vault:resync; exactly at the limit: the whole backlog", async () => {
    const limit = 30;
    const small = await world.startServer({ env: { SYNCSCRIPT_BACKLOG_LIMIT: String(limit) } });
    const vault = await vaultWith(limit + 10);
    const overLimit = await connectClient(viewer, {}, small.url);
    const joined = await overLimit.join(vault.id, vault.head - limit - 1);
    assert.deepEqual(names(overLimit), ["vault:resync", "vault:joined"]);
    assert.deepEqual(overLimit.latest["vault:resync"], { vaultId: vault.id, seq: vault.head });
    assert.equal(joined.seq, vault.head);
    const exact = await connectClient(viewer, {}, small.url);
    await exact.join(vault.id, vault.head - limit);
    await assertMatchesLog(world.database, vault.id, exact.eventsOf(vault.id), vault.head - limit + 1, vault.head);
    const { seq } = await owner.at(small).createSource(vault.id);
    for (const client of [overLimit, exact])
      await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
  });

  test("negative, fractional or not a number: BAD_REQUEST by event and acknowledgement, and no join", async () => {
    const vault = await vaultWith(0);
    // The engine can lose a packet that it sends while a session moves to its websocket (docs/api.md), and this test
    // expects every `error` event.
    const client = await connectClient(viewer, { transports: ["websocket"] });
    for (const bad of [-1, -1e15, 1.5, "3", true, {}, [], 1e30]) {
      delete client.latest.error;
      const ack = await client.emitWithAck("vault:join", { vaultId: vault.id, after: bad });
      assert.deepEqual([ack.ok, ack.code], [false, "BAD_REQUEST"], JSON.stringify(bad));
      assert.equal(client.latest.error?.code, "BAD_REQUEST", JSON.stringify(bad));
    }
    const witness = await connectClient(owner);
    await witness.join(vault.id, vault.head);
    const { seq } = await owner.createSource(vault.id);
    await witness.until(() => witness.lastSeq(vault.id) === seq, "the event");
    assert.equal((await client.emitWithAck("vault:leave", vault.id)).ok, true);
    assert.equal(client.eventsOf(vault.id).length, 0, "the rejected joins did not join");
  });

  test("each further join on the same socket starts again from its own `after`", async () => {
    const vault = await vaultWith(10);
    const client = await connectClient(viewer);
    // Sent without waiting in between: the server must process them in order.
    const acks = await Promise.all(
      [0, 3, vault.head].map((after) => client.emitWithAck("vault:join", { vaultId: vault.id, after })),
    );
    assert.deepEqual(
      acks.map(({ ok, seq }) => [ok, seq]),
      [1, 2, 3].map(() => [true, vault.head]),
    );
    const { seq } = await owner.createSource(vault.id);
    await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
    const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
    assert.deepEqual(
      client.eventsOf(vault.id).map((event) => event.seq),
      [...range(1, vault.head), ...range(4, vault.head), seq],
      "from 1, again from 4, then the live event once",
    );
  });
});

describe("I4: snapshot and join", () => {
  /** Reads all sources page by page. Returns the state and the log position of the first page. */
  async function snapshot(rest, vaultId, limit) {
    const state = new Map();
    let seq;
    let cursor = null;
    do {
      const path = `/api/vaults/${vaultId}/sources?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`;
      const { body } = await rest.expect(200, "GET", path);
      seq ??= body.seq;
      for (const source of body.sources) state.set(source.id, source);
      cursor = body.nextCursor;
    } while (cursor);
    return { state, seq };
  }

  /** Applies an event to the state, as an application does. */
  function fold(state, { name, data }) {
    if (name === "source:created" || name === "source:updated") state.set(data.source.id, data.source);
    if (name === "source:deleted") state.delete(data.sourceId);
  }

  test("the snapshot (also in pages) plus the events after it equals the table", async (t) => {
    const vault = await vaultWith(40);
    const clients = [];
    // Three steps leave no source behind, five leave one.
    const write = (i) => writeSources(owner, vault.id, i % 2 ? 3 : 5);
    await whileWriting(4, write, async () => {
      for (let round = 0; round < 15; round++) {
        const { state, seq } = await snapshot(viewer, vault.id, [1000, 7][round % 2]);
        const client = await connectClient(viewer, { transports: TRANSPORTS[round % 3], ...RESUMING });
        client.follow(vault.id, seq);
        await client.until(() => client.latest["vault:joined"], "vault:joined");
        clients.push({ client, state, seq });
      }
    });
    const positions = new Set(clients.map(({ seq }) => seq));
    assert.ok(positions.size > 8, `the vault changed between the snapshots: ${[...positions]}`);
    const { state: table, seq: head } = await snapshot(owner, vault.id, 1000);
    const log = await world.database.log(vault.id);
    t.diagnostic(`${clients.reduce((sum, { client }) => sum + client.disconnects, 0)} disconnections`);
    for (const { client, state, seq } of clients) {
      if (seq < head) await client.until(() => client.lastSeq(vault.id) === head, "the last event");
      assertEventsEqual(client.eventsOf(vault.id), log.slice(seq, head), `the events after snapshot ${seq}`);
      client.received.forEach((event) => fold(state, event));
      assert.deepEqual(new Map([...state].sort()), new Map([...table].sort()), `snapshot ${seq}`);
    }
  });
});

describe("I4: long backlogs", () => {
  for (const transports of TRANSPORTS) {
    test(`${BACKLOG_LIMIT} missed events by ${transports.join(" then ")}: all in order, then live events`, async (t) => {
      const vault = await vaultWith(0);
      const before = await connectClient(viewer, { transports });
      const { seq: lastSeen } = await before.join(vault.id, vault.head);
      before.close();
      vault.head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: BACKLOG_LIMIT });

      const start = performance.now();
      const client = await connectClient(viewer, { transports, ...RESUMING });
      client.follow(vault.id, lastSeen);
      const joined = await client.until(() => client.latest["vault:joined"], "vault:joined", LONG_TIMEOUT_MS);
      t.diagnostic(
        `connected and caught up with ${joined.seq - lastSeen} events in ${Math.round(performance.now() - start)} ms`,
      );
      assert.equal(joined.seq, vault.head);
      const { seq } = await owner.createSource(vault.id);
      await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), lastSeen + 1, seq);
      if (client.disconnects > 0) t.diagnostic(`${client.disconnects} disconnections`);
      assert.ok(!names(client).includes("vault:resync"));
      client.close();
    });
  }

  test("200 clients catch up at once while live delivery to others continues", async (t) => {
    const behind = await vaultWith(400);
    const live = await vaultWith(0);
    const witnesses = await Promise.all(TRANSPORTS.map((transports) => connectClient(owner, { transports })));
    for (const witness of witnesses) await witness.join(live.id, live.head);
    const clients = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        connectClient(i % 2 ? owner : viewer, { transports: [i % 4 ? "websocket" : "polling"], ...RESUMING }),
      ),
    );

    let disconnects = 0;
    let slowest = 0;
    let writes = 0;
    async function write() {
      const { seq } = await owner.createSource(live.id, "Live");
      const answered = performance.now();
      await Promise.all(
        witnesses.map((witness) => witness.until(() => witness.lastSeq(live.id) >= seq, `live event ${seq}`)),
      );
      slowest = Math.max(slowest, performance.now() - answered);
      writes++;
    }
    await whileWriting(1, write, async () => {
      const start = performance.now();
      for (const client of clients) client.follow(behind.id, 0);
      const joined = await Promise.all(
        clients.map((client) => client.until(() => client.latest["vault:joined"], "vault:joined", LONG_TIMEOUT_MS)),
      );
      t.diagnostic(
        `200 clients caught up with ${behind.head} events each in ${Math.round(performance.now() - start)} ms`,
      );
      assert.deepEqual(new Set(joined.map(({ seq }) => seq)), new Set([behind.head]));
    });
    t.diagnostic(`${writes} live events in that time, the slowest ${Math.round(slowest)} ms after its response`);
    assert.ok(writes > 0, "live delivery continued");

    const { seq } = await owner.createSource(behind.id, "For all of them");
    const log = await world.database.log(behind.id);
    for (const [i, client] of clients.entries()) {
      await client.until(() => client.lastSeq(behind.id) === seq, `the live event at client ${i}`);
      assertEventsEqual(client.eventsOf(behind.id), log, `client ${i}`);
      disconnects += client.disconnects;
      client.close();
    }
    t.diagnostic(`${disconnects} disconnections`);
    const head = await world.database.headSeq(live.id);
    for (const witness of witnesses) {
      await witness.until(() => witness.lastSeq(live.id) === head, "the last live event");
      await assertMatchesLog(world.database, live.id, witness.eventsOf(live.id), live.head + 1, head, "a witness");
      assert.equal(witness.disconnects, 0);
    }
  });
});
