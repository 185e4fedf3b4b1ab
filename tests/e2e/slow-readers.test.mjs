// I5: a client that takes no data is closed and resumes; nobody else notices, and the server's memory stays bounded.
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
/** How long it may take to fill what the kernel holds for a connection, some 10 MB, in milliseconds. */
const POUR_MS = 30_000;
const ENV = { SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS: String(STALL_MS) };

/** About 3 kB of JSON. */
const MIDDLE = { title: "t".repeat(500), fileUrl: `https://example.test/${"u".repeat(2000)}` };

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

/** A healthy client of each kind, in the vault's room. */
async function witnesses(vaultId, joined) {
  const kinds = [["websocket"], ["polling"], ["polling", "websocket"]];
  const clients = await Promise.all(kinds.map((transports) => connectClient(owner, { transports })));
  for (const client of clients) await client.join(vaultId, joined);
  return clients;
}

/**
 * Appends events of 60 kB, a few at a time, until `enough()`. With every few all witnesses are waited for: they are live
 * all the time, and nothing is written faster than they read.
 */
async function pour(vaultId, clients, enough) {
  const end = performance.now() + POUR_MS;
  while (!enough()) {
    assert.ok(performance.now() < end, "the client that takes no data is closed in time");
    await appendLargeEvents(world.database.pool, { vaultId, actor: owner.user, count: 8, bytes: 60_000 });
    await notifyVault(world.database.pool, vaultId);
    const head = await world.database.headSeq(vaultId);
    for (const client of clients) {
      await client.until(() => client.lastSeq(vaultId) === head, `event ${head} at a client that reads`);
    }
  }
}

/** Limits `pour` to so many rounds. */
const rounds = (count) => () => count-- <= 0;

/** Asserts that the witnesses were never cut off and have the log from `from` to its end. */
async function assertUndisturbed(vaultId, clients, from) {
  const head = await world.database.headSeq(vaultId);
  for (const client of clients) {
    await client.until(() => client.lastSeq(vaultId) === head, "the whole log");
    assert.equal(client.disconnects, 0, `a client that reads was not cut off (${client.transport})`);
    await assertMatchesLog(world.database, vaultId, client.eventsOf(vaultId), from, head);
  }
}

/** A new connection of the viewer that resumes after what `stalled` has, brings both together to exactly the log. */
async function assertResumes(vaultId, stalled, from) {
  const head = await world.database.headSeq(vaultId);
  const has = stalled.lastSeq(vaultId) || from - 1;
  assert.ok(has < head, `it missed something: it has ${has} of ${head}`);
  const again = await connectClient(viewer);
  await again.join(vaultId, has);
  await again.until(() => again.lastSeq(vaultId) === head, "what was missed");
  await assertMatchesLog(
    world.database,
    vaultId,
    [...stalled.eventsOf(vaultId), ...again.eventsOf(vaultId)],
    from,
    head,
    "both together",
  );
}

describe("I5: websocket", () => {
  test("a client that stops reading is closed, the others get everything, and it resumes to exactly the log", async () => {
    const vault = await world.vault();
    const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    const { seq } = await stalled.join(vault.id);
    const clients = await witnesses(vault.id, seq);
    stalled.stopReading();
    const closed = () => !isEstablished(world.server.port, stalled.localPort);
    await pour(vault.id, clients, closed);
    await pour(vault.id, clients, rounds(2));
    await assertUndisturbed(vault.id, clients, seq + 1);
    stalled.resumeReading();
    await withDeadline(stalled.closed, "the end of the connection");
    await assertResumes(vault.id, stalled, seq + 1);
  });

  test("stopped in the middle of a catch-up: closed after the timeout, and it resumes", async () => {
    const vault = await world.vault();
    const count = 8000;
    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count, ...MIDDLE });
    const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    stalled.emit("vault:join", { vaultId: vault.id, after: 0 });
    await stalled.until(() => stalled.lastSeq(vault.id) > 0, "the first event");
    stalled.stopReading();
    const start = performance.now();
    await eventually(() => !isEstablished(world.server.port, stalled.localPort), "closed");
    assert.ok(performance.now() - start > STALL_MS / 2, "not before its time");
    stalled.resumeReading();
    await withDeadline(stalled.closed, "the end of the connection");
    assert.equal(stalled.latest["vault:joined"], undefined);
    await assertResumes(vault.id, stalled, 1);
  });

  test("one that reads slowly, but reads, catches up without being closed", async () => {
    const vault = await world.vault();
    const head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 8000, ...MIDDLE });
    const slow = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    // 6 MB a second at most: the buffers are full all the time, up to the last event and vault:joined after it.
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
  test("a client that stops polling is refused afterwards, the others get everything, and it resumes", async () => {
    const vault = await world.vault();
    const stalled = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await stalled.join(vault.id);
    const clients = await witnesses(vault.id, seq);
    const first = await owner.createSource(vault.id);
    await stalled.pollUntil(() => stalled.lastSeq(vault.id) === first.seq, "the first event");
    // More than the 128 packets that wait for a client.
    await pour(vault.id, clients, rounds(20));
    await assertUndisturbed(vault.id, clients, seq + 1);
    // A POST finds the session gone without emptying its buffer, as a poll would.
    await eventually(async () => (await stalled.send("3")) === 400, "the session is over");
    assert.equal(await stalled.poll(), 400, "with what waited in it");
    assert.equal(await stalled.emit("vault:join", vault.id), 400, "for sending too");
    assert.equal(stalled.lastSeq(vault.id), first.seq);
    await assertResumes(vault.id, stalled, seq + 1);
  });

  test("its place among the sockets of its user is free at once, so that it can come back", async () => {
    const server = await world.startServer({ env: { ...ENV, SYNCSCRIPT_SOCKETS_PER_USER: "1" } });
    const vault = await world.vault();
    const stalled = await Poller.connect(server, viewer.cookie);
    await stalled.join(vault.id);
    const last = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 300 });
    await notifyVault(world.database.pool, vault.id);
    await eventually(async () => (await stalled.send("3")) === 400, "the session is over");
    await eventually(
      async () => {
        const again = await BulkSubscriber.connect(server.url, viewer, { transports: ["websocket"] });
        const joined = again.join(vault.id, last).finally(() => again.close());
        return (await joined).seq === last;
      },
      "connected again",
      10_000,
    );
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("one that polls now and then, soon enough, misses nothing", async () => {
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

  test("a burst of more than its buffer holds: it catches up without being closed, and is live again", async () => {
    const vault = await world.vault();
    const client = await Poller.connect(world.server, viewer.cookie);
    const { seq } = await client.join(vault.id);
    const before = await Metrics.scrape(world.server);
    const head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    await notifyVault(world.database.pool, vault.id);
    const behind = "syncscript_members_behind_total";
    await eventually(
      async () => (await Metrics.scrape(world.server)).sum(behind) > before.sum(behind),
      "it has fallen behind",
    );
    await client.pollUntil(() => client.lastSeq(vault.id) === head, "the whole burst");
    const { seq: next } = await owner.createSource(vault.id);
    await client.pollUntil(() => client.lastSeq(vault.id) === next, "the live event");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, next);
  });

  test("removed from the vault within a burst that it fell behind in: it has the events before, and is put out", async () => {
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

  test("stopped in the middle of a catch-up: refused afterwards, and it resumes", async () => {
    const vault = await world.vault();
    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    const stalled = await Poller.connect(world.server, viewer.cookie);
    await stalled.emit("vault:join", { vaultId: vault.id, after: 0 });
    await stalled.pollUntil(() => stalled.lastSeq(vault.id) > 0, "the first events");
    await eventually(async () => (await stalled.send("3")) === 400, "the session is over");
    assert.equal(await stalled.poll(), 400);
    await assertResumes(vault.id, stalled, 1);
  });
});

describe("I5: a session that began by polling and went over to a websocket", () => {
  test("held up by the network it is closed, comes back by itself, and has exactly the log", async () => {
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
    const clients = await witnesses(vault.id, seq);
    await eventually(() => proxy.size === 1, "the connection of the polls is gone");
    proxy.hold();
    // Past what the kernel holds the server sees that it cannot write.
    const [port] = proxy.upstreamPorts;
    await pour(vault.id, clients, () => !isEstablished(world.server.port, port));
    await assertUndisturbed(vault.id, clients, seq + 1);
    proxy.release();
    const head = await world.database.headSeq(vault.id);
    await client.until(() => client.lastSeq(vault.id) === head, "the whole log");
    assert.equal(client.disconnects, 1, "it was cut off once");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), seq + 1, head);
  });
});

describe("I5: bursts", () => {
  test("more events at once than a buffer holds: a client that reads and resumes has exactly the log", async (t) => {
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
    // One transaction with a thousand events: the relay finds them all together.
    const last = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 1000 });
    await notifyVault(world.database.pool, vault.id);
    for (const client of clients) {
      await client.until(() => client.lastSeq(vault.id) === last, "the last of the burst");
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), head + 1, last);
    }
    t.diagnostic(
      `cut off on the way: ${clients.map((client, i) => `${kinds[i].join("+")} ${client.disconnects}`).join(", ")}`,
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
    await client.until(() => client.lastSeq(vault.id) === head + 40, "the last of the burst");
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
      // A stall timeout of an hour: only the bound of the buffer protects the server.
      const env = { SYNCSCRIPT_WRITE_STALL_TIMEOUT_MS: "3600000" };
      const server = await world.startServer({ env });
      const vault = await world.vault();
      const witness = await connectClient(owner, { transports: ["websocket"] }, server.url);
      const { seq } = await witness.join(vault.id);
      const writer = owner.at(server);
      const write = async (rounds) => {
        for (let round = 0; round < rounds; round++) {
          const answers = await Promise.all(
            Array.from({ length: 25 }, () => writer.expect(201, "POST", `/api/vaults/${vault.id}/sources`, MIDDLE)),
          );
          const last = Math.max(...answers.map((answer) => answer.seq));
          await witness.until(() => witness.lastSeq(vault.id) >= last, `event ${last} at the client that reads`);
        }
      };
      const stalled = [];
      for (let i = 0; i < count; i++) {
        const client = await open(server, viewer.cookie);
        if (kind === "websocket") world.defer(client, (raw) => raw.destroy());
        await client.join(vault.id);
        stalled.push(client);
      }
      // Warmed up with all of them reading: what the server needs anyhow is in the figure before.
      await write(4);
      for (const client of stalled) {
        if (kind === "polling") await client.pollUntil(() => client.lastSeq(vault.id) >= seq + 100, "warmed up");
        else await client.until(() => client.lastSeq(vault.id) >= seq + 100, "warmed up");
      }
      const before = residentKib(server.child.pid);
      if (kind === "websocket") for (const client of stalled) client.stopReading();
      let most = before;
      for (let part = 0; part < 196; part++) {
        await write(1);
        most = Math.max(most, residentKib(server.child.pid));
      }
      const perSocket = (most - before) / count;
      t.diagnostic(
        `RSS ${before} KiB before, ${most} KiB at most: ${Math.round(perSocket)} KiB for each stalled socket`,
      );
      // 128 packets of 3 kB are 400 KiB; 5000 events are 15 MB.
      assert.ok(perSocket < 2048, `${perSocket} KiB for each stalled socket`);
      await assertMatchesLog(world.database, vault.id, witness.eventsOf(vault.id), seq + 1, seq + 5000);
      await server.end("SIGKILL");
    });
  }
});
