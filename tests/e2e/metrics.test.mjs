// Monitoring: /metrics and `outbox-worker status`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { appendEvents, appendLargeEvents, textOfBytes, waitForBlocked } from "./lib/append.mjs";
import { sqlCreateSource } from "./lib/database.mjs";
import { DOCUMENTED, Metrics } from "./lib/metrics.mjs";
import { runWorkerJson, runWorkerOk } from "./lib/outbox-worker.mjs";
import { assertNoPanic, isEstablished } from "./lib/procfs.mjs";
import { dial, RawSocket } from "./lib/raw-clients.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
import { writeSources } from "./lib/writers.mjs";

describe("/metrics", () => {
  let world, owner, viewer, contributor;
  before(async () => {
    world = await World.open({
      env: { SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS: "1500", SYNCSCRIPT_BACKLOG_LIMIT: "50" },
      users: ["owner", "contributor", "viewer"],
    });
    ({ owner, viewer, contributor } = world.users);
  });
  after(async () => {
    await world?.close();
    assertNoPanic(world.server);
  });
  const scrape = () => Metrics.scrape(world.server);

  /** Waits until the metric has grown by `by` since `before`. Returns the scrape. */
  const waitForGrowth = (before, by, name, labels) =>
    eventually(
      async () => {
        const now = await scrape();
        const growth = now.sum(name, labels) - before.sum(name, labels);
        assert.ok(growth <= by, `${name} grew by ${growth}`);
        return growth === by && now;
      },
      `${name} ${JSON.stringify(labels ?? {})} grows by ${by}`,
    );

  test("emitted events, deliveries, joins, vaults in use, and the time from commit to emission", async () => {
    const vault = await world.vault();
    const before = await scrape();
    const members = await Promise.all([owner, viewer, owner].map((rest) => world.member(rest, vault.id)));
    await waitForGrowth(before, 3, "syncscript_joins_total");
    await writeSources(owner, vault.id, 6);
    const now = await waitForGrowth(before, 6, "syncscript_events_emitted_total");
    await waitForGrowth(before, 18, "syncscript_deliveries_total");
    assert.equal(
      now.sum("syncscript_commit_to_emit_seconds_count") - before.sum("syncscript_commit_to_emit_seconds_count"),
      6,
    );
    const spent =
      now.sum("syncscript_commit_to_emit_seconds_sum") - before.sum("syncscript_commit_to_emit_seconds_sum");
    assert.ok(spent >= 0 && spent < 6 * 10, `${spent} s`);
    await eventually(async () => (await scrape()).sum("syncscript_vaults_in_use") === 1, "one vault in use");
    members.forEach((member) => member.close());
    await eventually(async () => (await scrape()).sum("syncscript_vaults_in_use") === 0, "no vault in use");
    // Without members nothing is emitted.
    const idle = await scrape();
    await owner.createSource(vault.id);
    const [witness] = [await world.vault()];
    const member = await world.member(owner, witness.id);
    const { seq } = await owner.createSource(witness.id);
    await member.awaitSeq(witness.id, seq);
    await waitForGrowth(idle, 1, "syncscript_events_emitted_total");
    member.close();
  });

  test("catch-ups with their sizes, and resyncs", async () => {
    const vault = await world.vault();
    const { seq } = await owner.createSource(vault.id);
    const before = await scrape();
    const client = await world.subscriber(owner);
    await client.join({ vaultId: vault.id, after: 1 });
    await client.join({ vaultId: vault.id, after: seq });
    let now = await waitForGrowth(before, 2, "syncscript_catch_up_events_count");
    assert.equal(now.sum("syncscript_catch_up_events_sum") - before.sum("syncscript_catch_up_events_sum"), seq - 1);
    assert.equal(now.sum("syncscript_resyncs_total"), before.sum("syncscript_resyncs_total"));
    await client.join(vault.id);
    now = await waitForGrowth(before, 3, "syncscript_joins_total");
    assert.equal(now.sum("syncscript_catch_up_events_count") - before.sum("syncscript_catch_up_events_count"), 2);

    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 60 });
    await client.join({ vaultId: vault.id, after: 1 });
    await client.join({ vaultId: vault.id, after: 100_000 });
    await waitForGrowth(before, 2, "syncscript_resyncs_total");
    client.close();
  });

  test("sockets by transport", async () => {
    const counts = async () => {
      const metrics = await scrape();
      return ["websocket", "polling"].map((transport) => metrics.sum("syncscript_sockets", { transport }));
    };
    await eventually(async () => (await counts()).join() === "0,0", "all sockets of earlier tests are closed");
    const clients = await Promise.all(
      [["websocket"], ["websocket"], ["polling"], ["polling", "websocket"]].map((transports) =>
        world.subscriber(owner, { transports }),
      ),
    );
    await eventually(async () => (await counts()).join() === "3,1", "three by websocket, one by polling");
    clients.forEach((client) => client.close());
    await eventually(async () => (await counts()).join() === "0,0", "all sockets are closed");
  });

  test("requests by method, route and status", async () => {
    const vault = await owner.createVault();
    const before = await scrape();
    await owner.expect(200, "GET", `/api/vaults/${vault.id}`);
    await owner.expect(200, "GET", `/api/vaults/${vault.id}`);
    await viewer.expect(404, "GET", `/api/vaults/${vault.id}`);
    await owner.expect(422, "POST", `/api/vaults/${vault.id}/sources`, { title: "", fileUrl: "https://example.test/" });
    await owner.expect(404, "GET", "/no/such/route");
    const now = await scrape();
    const count = (labels) => {
      const name = "syncscript_http_request_seconds_count";
      return now.sum(name, labels) - before.sum(name, labels);
    };
    const route = "/api/vaults/{vaultId}";
    assert.equal(count({ method: "GET", route, status: "200" }), 2);
    assert.equal(count({ method: "GET", route, status: "404" }), 1);
    assert.equal(count({ method: "POST", route: `${route}/sources`, status: "422" }), 1);
    assert.ok(now.sum("syncscript_http_request_seconds_sum", { route, status: "200" }) > 0);
    assert.equal(count({ status: "404" }), 2);
  });

  test("long polls have their own route label, because they wait by design", async () => {
    const before = await scrape();
    const client = await world.subscriber(owner, { transports: ["polling"] });
    await client.join((await owner.createVault()).id);
    client.close();
    const now = await scrape();
    const answered = ({ name, labels }) => name === "syncscript_http_request_seconds_count" && labels.status === "200";
    const polls = now.samples.filter((sample) => answered(sample) && sample.labels.route.startsWith("/socket.io"));
    assert.ok(
      polls.some(({ labels }) => labels.method === "GET"),
      "under a route that begins with /socket.io",
    );
    const none = { route: "none", status: "200" };
    const name = "syncscript_http_request_seconds_count";
    assert.equal(now.sum(name, none), before.sum(name, none), "not under the label for unknown paths");
  });

  test("methods and paths from clients do not become labels: the number of series stays bounded", async () => {
    const before = await scrape();
    for (let i = 0; i < 30; i++) {
      const socket = await dial(world.server.port);
      const answered = new Promise((resolve) => socket.once("data", resolve).once("close", resolve));
      socket.write(`MADEUP${i} /made/up/${i}?x=${i} HTTP/1.1\r\nHost: made-up-${i}\r\nConnection: close\r\n\r\n`);
      await answered;
      socket.destroy();
    }
    const now = await scrape();
    const series = ({ samples }) =>
      samples.filter(({ name }) => name === "syncscript_http_request_seconds_count").length;
    assert.ok(series(now) <= series(before) + 3, `${series(now) - series(before)} more series after 30 requests`);
  });

  test("revocations by reason", async () => {
    const vault = await world.vault();
    const clients = [await world.member(viewer, vault.id), await world.member(contributor, vault.id)];
    const before = await scrape();
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}/members/${viewer.user.id}`);
    await waitForGrowth(before, 1, "syncscript_revocations_total", { reason: "membership-revoked" });
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
    await waitForGrowth(before, 1, "syncscript_revocations_total", { reason: "vault-deleted" });
    clients.forEach((client) => client.close());
  });

  test("NOTIFY: each change counts as sent or as coalesced", async () => {
    const vault = await world.vault();
    const before = await scrape();
    let total = 0;
    const growth = (now, what) =>
      now.sum(`syncscript_notify_${what}_total`) - before.sum(`syncscript_notify_${what}_total`);
    // Repeat until two changes share a NOTIFY.
    await eventually(async () => {
      const changes = await Promise.all(Array.from({ length: 16 }, () => writeSources(owner, vault.id, 3)));
      total += changes.reduce((sum, count) => sum + count, 0);
      return growth(await scrape(), "coalesced") > 0;
    }, "changes that shared a NOTIFY");
    // The three changes that created the vault may have been counted after the first scrape.
    await eventually(async () => {
      const now = await scrape();
      const notified = growth(now, "sent") + growth(now, "coalesced");
      return growth(now, "sent") > 0 && notified >= total && notified <= total + 3;
    }, `${total} counted changes`);
  });

  test("connections to the database", async () => {
    const metrics = await scrape();
    const states = metrics.samples.filter(({ name }) => name === "syncscript_database_connections");
    assert.deepEqual(new Set(states.map(({ labels }) => labels.state)), new Set(["idle", "used"]));
    const [{ n }] = await world.database.rows(
      "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'syncscript'",
    );
    const counted = metrics.sum("syncscript_database_connections");
    // The LISTEN connection may be outside the pool, and others open and close.
    assert.ok(counted > 0 && counted <= 20 && Math.abs(counted - n) <= 3, `${counted} of ${n}`);
  });

  /** Joins the viewer to the vault's room and stops reading. */
  async function joinAndStall(vault) {
    const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    await stalled.join(vault.id);
    stalled.stopReading();
    return { closed: () => !isEstablished(world.server.port, stalled.localPort) };
  }

  test("slow readers: a socket whose buffer is full", async () => {
    const vault = await world.vault();
    const before = await scrape();
    const stalled = await joinAndStall(vault);
    await appendEvents(world.database, {
      vaultId: vault.id,
      actor: owner.user,
      count: 5000,
      fileUrl: `https://x.test/${textOfBytes(2000)}`,
    });
    await eventually(stalled.closed, "the stalled socket is closed");
    await waitForGrowth(before, 1, "syncscript_slow_readers_closed_total");
  });

  test("slow readers: a socket that takes no data for too long, although its buffer has room", async () => {
    const vault = await world.vault();
    const before = await scrape();
    const stalled = await joinAndStall(vault);
    // More bytes than the kernel buffers, in fewer packets than the server's buffer holds.
    await appendLargeEvents(world.database.pool, { vaultId: vault.id, actor: owner.user, count: 60, bytes: 500_000 });
    await eventually(stalled.closed, "the stalled socket is closed");
    await waitForGrowth(before, 1, "syncscript_slow_readers_closed_total");
  });

  const lag = (metrics) => ({
    events: metrics.sum("syncscript_relay_lag_events"),
    seconds: metrics.sum("syncscript_relay_lag_seconds"),
  });
  const isIdle = async () => {
    const { events, seconds } = lag(await scrape());
    return events === 0 && seconds === 0;
  };

  test("lag: zero when idle, correct while the outbox cannot be read, and zero again", async (t) => {
    const vault = await world.vault();
    const member = await world.member(owner, vault.id);
    await eventually(isIdle, "idle");
    // The lock is granted at the moment of the commit, so that no reader gets in between.
    const [writer, locker] = [await world.database.connection(), await world.database.connection()];
    t.after(() => Promise.all([writer.end(), locker.end()]));
    await writer.query("BEGIN");
    for (let i = 0; i < 3; i++) await sqlCreateSource(writer, { vaultId: vault.id, actorId: owner.user.id });
    await locker.query("BEGIN");
    const locked = locker.query("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE");
    await waitForBlocked(world.database);
    await writer.query("COMMIT");
    const committed = performance.now();
    await locked;

    await eventually(async () => lag(await scrape()).events === 3, "three events behind");
    await eventually(async () => lag(await scrape()).seconds > 2, "more than two seconds behind");
    const { seconds } = lag(await scrape());
    assert.ok(seconds <= (performance.now() - committed) / 1000 + 1, `${seconds} s`);
    await locker.query("ROLLBACK");
    await member.awaitSeq(vault.id, member.joined.seq + 3);
    await eventually(isIdle, "idle");
  });

  test("lag: grows during a database outage and is zero again afterwards", async (t) => {
    const vault = await world.vault();
    const member = await world.member(owner, vault.id);
    t.after(() => world.database.allowConnections(true));
    await world.database.allowConnections(false);
    await world.database.terminateBackends();
    const seconds = async () => (await scrape()).sum("syncscript_relay_lag_seconds");
    const first = await eventually(seconds, "some lag");
    await eventually(async () => (await seconds()) > first, "more lag");
    await world.database.allowConnections(true);
    await eventually(async () => (await seconds()) === 0, "no lag");
    const { seq } = await eventually(() => owner.tryCreateSource(vault.id), "the write succeeds");
    await member.awaitSeq(vault.id, seq);
  });

  test("all documented metrics exist with their type and a description, and no others", async () => {
    // The earlier tests have used each metric.
    const metrics = await scrape();
    const named = Object.fromEntries(Object.entries(metrics.types).filter(([name]) => name.startsWith("syncscript_")));
    assert.deepEqual(named, DOCUMENTED);
    for (const name of Object.keys(DOCUMENTED)) assert.ok(metrics.help[name]?.length > 10, `${name} has a description`);
  });

  test("docs/operations.md documents each metric", () => {
    const text = readFileSync(fileURLToPath(new URL("../../docs/operations.md", import.meta.url)), "utf8");
    for (const name of Object.keys(DOCUMENTED)) assert.ok(text.includes(name), name);
  });

  test("every counter starts at 0, so that Prometheus sees its first increase", async (t) => {
    const fresh = await world.startServer();
    t.after(() => fresh.end("SIGKILL"));
    const { names } = await Metrics.scrape(fresh);
    const counters = Object.keys(DOCUMENTED).filter((name) => DOCUMENTED[name] === "counter");
    assert.deepEqual(
      counters.filter((name) => !names.has(name)),
      [],
    );
  });
});

describe("status of two nodes", () => {
  let world, owner;
  before(async () => {
    world = await openTwoNodes({ users: ["owner"] });
    owner = world.users.owner;
  });
  after(() => world?.close());
  const nodes = async () => (await runWorkerJson(world.database, "status")).nodes;

  test("--json: totals, and each node with its sockets, vaults in use and lag", async () => {
    const vaults = [await owner.createVault("One"), await owner.createVault("Two")];
    await joinOnBothNodes(world, owner, vaults[0].id);
    await world.member(owner, vaults[1].id, { server: world.servers[1] });
    await writeSources(owner, vaults[0].id, 5);
    await world.database.rows("UPDATE outbox SET created_at = created_at - interval '1 hour' WHERE vault_id = $1", [
      vaults[1].id,
    ]);
    // Nodes report themselves every few seconds.
    const [first, second] = await eventually(async () => {
      const rows = await nodes();
      return rows.length === 2 && rows[0].sockets === 1 && rows[1].sockets === 2 && rows;
    }, "both nodes have reported their sockets");
    for (const [i, node] of [first, second].entries()) {
      assert.deepEqual(Object.keys(node).sort(), [
        "alive",
        "lagEvents",
        "nodeId",
        "seenSecondsAgo",
        "sockets",
        "vaultsInUse",
        "version",
      ]);
      assert.equal(node.nodeId, world.nodes[i]);
      assert.deepEqual([node.alive, node.vaultsInUse, node.lagEvents], [true, i + 1, 0]);
      assert.ok(node.seenSecondsAgo >= 0 && node.seenSecondsAgo <= 15, `seen ${node.seenSecondsAgo} s ago`);
      assert.match(node.version, /^\d+\.\d+\.\d+/);
    }
    const { totals } = await runWorkerJson(world.database, "status");
    const { oldestEventAt, newestEventAt, outboxBytes, outboxIndexBytes, ...counts } = totals;
    assert.deepEqual(counts, { vaults: 2, events: 7, eventsLastMinute: 6 });
    assert.ok(Date.parse(newestEventAt) - Date.parse(oldestEventAt) > 3_500_000, `${oldestEventAt} ${newestEventAt}`);
    assert.ok(outboxBytes > 1000 && outboxIndexBytes > 1000);
  });

  test("the table shows the same", async () => {
    const text = await runWorkerOk(world.database, "status");
    assert.match(text, /2 vaults, 7 events/);
    for (const id of world.nodes)
      assert.match(
        text.split("\n").find((line) => line.includes(id)),
        /\balive\b/,
      );
  });

  test("a killed node is marked dead; a node that stops cleanly is removed", async () => {
    const third = await world.startServer();
    await eventually(async () => (await nodes()).length === 3, "the third node is listed");
    await third.end("SIGTERM");
    await eventually(async () => (await nodes()).length === 2, "the third node is removed");

    await world.servers[0].end("SIGKILL");
    const [dead, alive] = await eventually(
      async () => {
        const rows = await nodes();
        return rows.some((node) => !node.alive) && rows;
      },
      "the killed node is marked dead",
      40_000,
    );
    assert.deepEqual([dead.nodeId, alive.nodeId, alive.alive], [...world.nodes, true]);
    assert.ok(dead.seenSecondsAgo >= 10, `seen ${dead.seenSecondsAgo} s ago`);
    const text = await runWorkerOk(world.database, "status");
    assert.match(
      text.split("\n").find((line) => line.includes(dead.nodeId)),
      /\bdead\b/,
    );
    assert.match(
      text.split("\n").find((line) => line.includes(alive.nodeId)),
      /\balive\b/,
    );
  });
});
