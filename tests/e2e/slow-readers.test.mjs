// I5: a client that takes no data is closed and resumes; other clients are not affected, and memory stays bounded.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents, appendLargeEvents, notifyVault } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { Metrics } from "./lib/metrics.mjs";
import { assertNoPanic, isEstablished, residentKib } from "./lib/procfs.mjs";
import { Poller, RawSocket } from "./lib/raw-clients.mjs";
import { TcpProxy } from "./lib/tcp-proxy.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

const STALL_MS = 1000;
/** How long it may take to fill the kernel's buffers for a connection, about 10 MB, in milliseconds. */
const FLOOD_TIMEOUT_MS = 30_000;
const ENV = { SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS: String(STALL_MS) };

/** About 3 kB of JSON. */
const MEDIUM_TEXTS = { title: "t".repeat(500), fileUrl: `https://example.test/${"u".repeat(2000)}` };

let world, owner, viewer;
before(async () => {
  world = await World.open({ env: ENV, users: ["owner", "viewer"] });
  ({ owner, viewer } = world.users);
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

async function connectClient(rest, options, url = world.server.url) {
  return world.defer(await BulkSubscriber.connect(url, rest, options), (client) => client.close());
}

/** Joins the vault's room with a healthy client of each transport. */
async function joinWitnesses(vaultId, joined) {
  const kinds = [["websocket"], ["polling"], ["polling", "websocket"]];
  const clients = await Promise.all(kinds.map((transports) => connectClient(owner, { transports })));
  for (const client of clients) await client.join(vaultId, joined);
  return clients;
}

/**
 * Appends batches of 60 kB events until `enough()`. After each batch it waits for all `clients`, so that they stay live
 * and events are not written faster than they read.
 */
async function flood(vaultId, clients, enough) {
  const end = performance.now() + FLOOD_TIMEOUT_MS;
  while (!enough()) {
    assert.ok(performance.now() < end, "the stalled client is closed in time");
    await appendLargeEvents(world.database.pool, { vaultId, actor: owner.user, count: 8, bytes: 60_000 });
    await notifyVault(world.database.pool, vaultId);
    const head = await world.database.headSeq(vaultId);
    for (const client of clients) {
      await client.until(() => client.lastSeq(vaultId) === head, `event ${head} at a healthy client`);
    }
  }
}

/** Limits `flood` to `count` rounds. */
const rounds = (count) => () => count-- <= 0;

/** Asserts that the clients were never disconnected and received the log from `from` to its end. */
async function assertUndisturbed(vaultId, clients, from) {
  const head = await world.database.headSeq(vaultId);
  for (const client of clients) {
    await client.until(() => client.lastSeq(vaultId) === head, "the whole log");
    assert.equal(client.disconnects, 0, `a healthy client stays connected (${client.transport})`);
    await assertMatchesLog(world.database, vaultId, client.eventsOf(vaultId), from, head);
  }
}

/** Asserts that the viewer can resume after the last event of `stalled`, and that both connections together got the log. */
async function assertResumes(vaultId, stalled, from) {
  const head = await world.database.headSeq(vaultId);
  const lastSeq = stalled.lastSeq(vaultId) || from - 1;
  assert.ok(lastSeq < head, `the stalled client missed events: it has ${lastSeq} of ${head}`);
  const again = await connectClient(viewer);
  await again.join(vaultId, lastSeq);
  await again.until(() => again.lastSeq(vaultId) === head, "the missed events");
  await assertMatchesLog(
    world.database,
    vaultId,
    [...stalled.eventsOf(vaultId), ...again.eventsOf(vaultId)],
    from,
    head,
    "both connections together",
  );
}

describe("I5: websocket", () => {
  test("a client that stops reading is closed and resumes without loss; the others get everything", async () => {
    const vault = await world.vault();
    const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    const { seq } = await stalled.join(vault.id);
    const clients = await joinWitnesses(vault.id, seq);
    stalled.stopReading();
    const closed = () => !isEstablished(world.server.port, stalled.localPort);
    await flood(vault.id, clients, closed);
    await flood(vault.id, clients, rounds(2));
    await assertUndisturbed(vault.id, clients, seq + 1);
    stalled.resumeReading();
    await withDeadline(stalled.closed, "the connection closes");
    await assertResumes(vault.id, stalled, seq + 1);
  });

  test("a client that stops during catch-up is closed after the timeout and resumes", async () => {
    const vault = await world.vault();
    const count = 8000;
    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count, ...MEDIUM_TEXTS });
    const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    stalled.emit("vault:join", { vaultId: vault.id, after: 0 });
    await stalled.until(() => stalled.lastSeq(vault.id) > 0, "the first event");
    stalled.stopReading();
    const start = performance.now();
    await eventually(() => !isEstablished(world.server.port, stalled.localPort), "closed");
    assert.ok(performance.now() - start > STALL_MS / 2, "not too early");
    stalled.resumeReading();
    await withDeadline(stalled.closed, "the connection closes");
    assert.equal(stalled.latest["vault:joined"], undefined);
    await assertResumes(vault.id, stalled, 1);
  });

  test("a client that reads slowly catches up without being closed", async () => {
    const vault = await world.vault();
    const head = await appendEvents(world.database, {
      vaultId: vault.id,
      actor: owner.user,
      count: 8000,
      ...MEDIUM_TEXTS,
    });
    const slow = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    // At most 6 MB per second: the buffers stay full until the last event and vault:joined.
    slow.readSlowly(10);
    slow.emit("vault:join", { vaultId: vault.id, after: 0 });
    const closed = slow.closed.then(() => assert.fail(`closed at seq ${slow.lastSeq(vault.id)} of ${head}`));
    await Promise.race([closed, slow.until(() => slow.latest["vault:joined"], "vault:joined", 30_000)]);
    await assertMatchesLog(world.database, vault.id, slow.eventsOf(vault.id), 1, head);
    const { seq } = await owner.createSource(vault.id);
    await Promise.race([closed, slow.until(() => slow.lastSeq(vault.id) === seq, "the live event")]);
  });
});

describe("I5: polling", () => {
  test("a client that stops polling is rejected afterwards and resumes; the others get everything", async () => {
    const vault = await world.vault();
    const stalled = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await stalled.join(vault.id);
    const clients = await joinWitnesses(vault.id, seq);
    const first = await owner.createSource(vault.id);
    await stalled.pollUntil(() => stalled.lastSeq(vault.id) === first.seq, "the first event");
    // More than the 128 packets that a client's buffer holds.
    await flood(vault.id, clients, rounds(20));
    await assertUndisturbed(vault.id, clients, seq + 1);
    await eventually(() => stalled.isRejected(), "the session has ended");
    assert.equal(await stalled.poll(), 400, "polling is rejected");
    assert.equal(await stalled.emit("vault:join", vault.id), 400, "sending is rejected");
    assert.equal(stalled.lastSeq(vault.id), first.seq);
    await assertResumes(vault.id, stalled, seq + 1);
  });

  test("its socket slot is free immediately, so that the client can reconnect", async () => {
    const server = await world.startServer({ env: { ...ENV, SYNCSCRIPT_SOCKETS_PER_USER: "1" } });
    const vault = await world.vault();
    const stalled = await Poller.connect(server, viewer.cookie);
    await stalled.join(vault.id);
    const last = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 300 });
    await notifyVault(world.database.pool, vault.id);
    await eventually(() => stalled.isRejected(), "the session has ended");
    await eventually(
      async () => {
        const again = new BulkSubscriber(server.url, { cookie: viewer.cookie, transports: ["websocket"] });
        const { latest } = again;
        try {
          await again.until(() => latest.connect || latest.connect_error, "the connection or its rejection");
          if (latest.connect_error === "TOO_MANY_SOCKETS") return false;
          assert.ok(latest.connect, latest.connect_error);
          return (await again.join(vault.id, last)).seq === last;
        } finally {
          again.close();
        }
      },
      "the reconnection",
      10_000,
    );
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("a client that polls rarely but in time misses nothing", async () => {
    const vault = await world.vault();
    const client = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await client.join(vault.id);
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => owner.createSource(vault.id)));
      const last = Math.max(...answers.map((answer) => answer.seq));
      await client.pollUntil(() => client.lastSeq(vault.id) === last, `round ${round}`);
    }
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, seq + 500);
  });

  test("a burst larger than its buffer: the client catches up without being closed and is live again", async () => {
    const vault = await world.vault();
    const client = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await client.join(vault.id);
    const before = await Metrics.scrape(world.server);
    const head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    await notifyVault(world.database.pool, vault.id);
    const behind = "syncscript_members_behind_total";
    await eventually(
      async () => (await Metrics.scrape(world.server)).sum(behind) > before.sum(behind),
      "the client falls behind",
    );
    await client.pollUntil(() => client.lastSeq(vault.id) === head, "the whole burst");
    const { seq: next } = await owner.createSource(vault.id);
    await client.pollUntil(() => client.lastSeq(vault.id) === next, "the live event");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, next);
  });

  test("removed from the vault while it is behind: the client gets the earlier events, then vault:left", async () => {
    const vault = await world.vault();
    const client = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await client.join(vault.id);
    const head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 300 });
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}/members/${viewer.user.id}`);
    await owner.createSource(vault.id);
    await client.pollUntil(() => client.latest["vault:left"], "vault:left");
    assert.equal(client.latest["vault:left"].reason, "membership-revoked");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, head);
  });

  test("a client that stops during catch-up is rejected afterwards and resumes", async () => {
    const vault = await world.vault();
    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    const stalled = await Poller.connect(world.server, viewer.cookie);
    await stalled.emit("vault:join", { vaultId: vault.id, after: 0 });
    await stalled.pollUntil(() => stalled.lastSeq(vault.id) > 0, "the first events");
    await eventually(() => stalled.isRejected(), "the session has ended");
    assert.equal(await stalled.poll(), 400);
    await assertResumes(vault.id, stalled, 1);
  });
});

describe("I5: a session that upgraded from polling to a websocket", () => {
  test("stalled by the network, the client is closed, reconnects and has exactly the log", async () => {
    const vault = await world.vault();
    const proxy = world.defer(await TcpProxy.start(world.server.port), (it) => it.close());
    const client = await connectClient(
      viewer,
      { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 },
      proxy.url,
    );
    const { seq } = await client.join(vault.id);
    client.follow(vault.id, seq);
    await eventually(() => client.transport === "websocket", "the upgrade");
    const clients = await joinWitnesses(vault.id, seq);
    await eventually(() => proxy.size === 1, "the polling connection is closed");
    proxy.hold();
    // When the kernel's buffers are full, the server notices that it cannot write.
    const [port] = proxy.upstreamPorts;
    await flood(vault.id, clients, () => !isEstablished(world.server.port, port));
    await assertUndisturbed(vault.id, clients, seq + 1);
    proxy.release();
    const head = await world.database.headSeq(vault.id);
    await client.until(() => client.lastSeq(vault.id) === head, "the whole log");
    assert.equal(client.disconnects, 1, "the client was disconnected once");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, head);
  });
});

describe("I5: bursts", () => {
  test("more events at once than a buffer holds: a client that reads and resumes gets exactly the log", async (t) => {
    const vault = await world.vault();
    const head = await world.database.headSeq(vault.id);
    const kinds = [["websocket"], ["polling"], ["polling", "websocket"]];
    const clients = await Promise.all(
      kinds.map((transports) => connectClient(viewer, { transports, reconnection: true, reconnectionDelay: 20 })),
    );
    for (const client of clients) {
      client.follow(vault.id, head);
      await client.until(() => client.latest["vault:joined"], "vault:joined");
    }
    // One transaction with a thousand events, which the relay reads together.
    const last = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    await notifyVault(world.database.pool, vault.id);
    for (const client of clients) {
      await client.until(() => client.lastSeq(vault.id) === last, "the last event of the burst");
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), head + 1, last);
    }
    t.diagnostic(
      `disconnections: ${clients.map((client, i) => `${kinds[i].join("+")} ${client.disconnects}`).join(", ")}`,
    );
  });

  test("events of 60 kB, 40 at once, reach a client that reads", async () => {
    const vault = await world.vault();
    const head = await world.database.headSeq(vault.id);
    const client = await connectClient(viewer, { reconnection: true, reconnectionDelay: 20 });
    client.follow(vault.id, head);
    await client.until(() => client.latest["vault:joined"], "vault:joined");
    await appendLargeEvents(world.database.pool, { vaultId: vault.id, actor: owner.user, count: 40, bytes: 60_000 });
    await notifyVault(world.database.pool, vault.id);
    await client.until(() => client.lastSeq(vault.id) === head + 40, "the last event of the burst");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), head + 1, head + 40);
  });
});

describe("I5: memory", () => {
  for (const [kind, open] of [
    ["websocket", (server, cookie) => RawSocket.connect(server, cookie)],
    ["polling", (server, cookie) => Poller.connect(server, cookie)],
  ]) {
    test(`50 stalled ${kind} clients and 5000 events of 3 kB: the server's memory stays bounded`, async (t) => {
      const count = 50;
      // With a stall timeout of an hour, only the buffer limit protects the server.
      const env = { SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS: "3600000" };
      const server = await world.startServer({ env });
      const vault = await world.vault();
      const witness = await connectClient(owner, { transports: ["websocket"] }, server.url);
      const { seq } = await witness.join(vault.id);
      const writer = owner.at(server);
      const write = async (rounds) => {
        for (let round = 0; round < rounds; round++) {
          const answers = await Promise.all(
            Array.from({ length: 25 }, () =>
              writer.expect(201, "POST", `/api/vaults/${vault.id}/sources`, MEDIUM_TEXTS),
            ),
          );
          const last = Math.max(...answers.map((answer) => answer.seq));
          await witness.until(() => witness.lastSeq(vault.id) >= last, `event ${last} at the healthy client`);
        }
      };
      const stalled = [];
      for (let i = 0; i < count; i++) {
        const client = await open(server, viewer.cookie);
        if (kind === "websocket") world.defer(client, (raw) => raw.destroy());
        await client.join(vault.id);
        stalled.push(client);
      }
      // A warm-up with all clients reading, so that `before` includes the server's normal memory use.
      await write(4);
      for (const client of stalled) {
        if (kind === "polling")
          await client.pollUntil(() => client.lastSeq(vault.id) >= seq + 100, "the warm-up events");
        else await client.until(() => client.lastSeq(vault.id) >= seq + 100, "the warm-up events");
      }
      const before = residentKib(server.child.pid);
      if (kind === "websocket") for (const client of stalled) client.stopReading();
      let peak = before;
      for (let part = 0; part < 196; part++) {
        await write(1);
        peak = Math.max(peak, residentKib(server.child.pid));
      }
      const perSocket = (peak - before) / count;
      t.diagnostic(`RSS ${before} KiB before, peak ${peak} KiB: ${Math.round(perSocket)} KiB per stalled socket`);
      // 128 packets of 3 kB are 400 KiB; 5000 events are 15 MB.
      assert.ok(perSocket < 2048, `${perSocket} KiB per stalled socket`);
      await assertMatchesLog(world.database, vault.id, witness.eventsOf(vault.id), seq + 1, seq + 5000);
      await server.end("SIGKILL");
    });
  }
});
