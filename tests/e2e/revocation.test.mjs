// I6 on live sockets of two nodes: the end of a membership, a role, a vault or a session takes effect at once, at its
// place in the log.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertDisconnected, assertInTime, assertLeft } from "./lib/cut-off.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { assertNoPanic, isEstablished } from "./lib/procfs.mjs";
import { Poller, RawSocket } from "./lib/raw-clients.mjs";
import { newSource, RestClient } from "./lib/rest.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting } from "./lib/writers.mjs";

const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];

let world, nodes, owner, member;
before(async () => {
  world = await World.open({ users: ["owner", "member"] });
  ({ owner, member } = world.users);
  nodes = [world.server, await world.startServer()];
});
after(async () => {
  await world?.close();
  assertNoPanic(...nodes);
});

async function connectClient(rest, options, node = world.server) {
  return world.defer(await BulkSubscriber.connect(node.url, rest, options), (client) => client.close());
}

/** Connects a client of `rest` by each transport on each node (`where` names both). With `vaultId`, joins the room. */
async function connectEverywhere(rest, vaultId) {
  const clients = await Promise.all(
    nodes.flatMap((node, n) =>
      TRANSPORTS.map(async (transports) => {
        const client = await connectClient(rest, { transports }, node);
        client.where = `${transports.join(" then ")} on node ${n + 1}`;
        return client;
      }),
    ),
  );
  for (const client of vaultId ? clients : []) client.joined = await client.join(vaultId);
  return clients;
}

async function vaultWithMember(role) {
  const vault = await world.vault();
  await owner.addMember(vault.id, member.user, role);
  return vault;
}

const memberPath = (vault) => `/api/vaults/${vault.id}/members/${member.user.id}`;
const names = (client) => client.received.map(({ name }) => name);

/** Sends a request by each client. Its response arrives after everything that was sent to the client before. */
const flush = (clients, vault) => Promise.all(clients.map((client) => client.emitWithAck("vault:leave", vault.id)));

describe("I6: membership", () => {
  test("a removed member gets vault:left at the removal's place in the log on every node, and no later event", async (t) => {
    const vault = await vaultWithMember("viewer");
    const removed = await connectEverywhere(member, vault.id);
    const others = await connectEverywhere(owner, vault.id);
    let removal, from;
    // Writers on both nodes: there are events right before the removal and right after it.
    await whileWriting(
      4,
      (i) => owner.at(nodes[i % 2]).createSource(vault.id),
      async () => {
        await eventually(() => others[0].eventsOf(vault.id).length > 20, "events before the removal");
        removal = (await owner.at(nodes[1]).expect(204, "DELETE", memberPath(vault))).seq;
        from = performance.now();
        await eventually(() => others[0].lastSeq(vault.id) > removal + 20, "events after the removal");
      },
    );
    await assertLeft(t, removed, from);
    const last = await owner.createSource(vault.id, "Last event");
    for (const client of others)
      await client.until(() => client.lastSeq(vault.id) === last.seq, `the last event, ${client.where}`);
    await flush(removed, vault);
    for (const client of removed) {
      assert.deepEqual(
        client.received.find(({ name }) => name === "vault:left").data,
        { vaultId: vault.id, reason: "membership-revoked" },
        client.where,
      );
      await assertMatchesLog(
        world.database,
        vault.id,
        client.eventsOf(vault.id),
        client.joined.seq + 1,
        removal - 1,
        client.where,
      );
      assert.equal((await client.emitWithAck("vault:join", vault.id)).message, "Access denied to vault", client.where);
      assert.equal(client.disconnects, 0, "the socket stays connected");
    }
    for (const client of others) {
      await assertMatchesLog(
        world.database,
        vault.id,
        client.eventsOf(vault.id),
        client.joined.seq + 1,
        last.seq,
        client.where,
      );
      const [event] = client.eventsOf(vault.id).filter(({ type }) => type === "member:removed");
      assert.equal(event.seq, removal);
      assert.equal(client.latest["member:removed"].userId, member.user.id);
      assert.ok(!names(client).includes("vault:left"), client.where);
    }
  });

  test("a member who leaves and a member removed by SQL get the same events", async (t) => {
    const vault = await vaultWithMember("contributor");
    for (const leave of [
      () => member.expect(204, "DELETE", memberPath(vault)),
      () => world.database.rows("SELECT member_remove($1, $2, $3)", [vault.id, owner.user.id, member.user.id]),
    ]) {
      const clients = await connectEverywhere(member, vault.id);
      await leave();
      await assertLeft(t, clients, performance.now());
      for (const client of clients) {
        assert.deepEqual(client.latest["vault:left"], { vaultId: vault.id, reason: "membership-revoked" });
        client.close();
      }
      await owner.addMember(vault.id, member.user, "contributor");
    }
  });

  test("other vaults of the same socket are not affected", async (t) => {
    const [vault, other] = [await vaultWithMember("viewer"), await vaultWithMember("viewer")];
    const clients = await connectEverywhere(member, vault.id);
    for (const client of clients) await client.join(other.id);
    await owner.expect(204, "DELETE", memberPath(vault));
    await assertLeft(t, clients, performance.now());
    const { seq } = await owner.createSource(other.id);
    for (const client of clients)
      await client.until(() => client.lastSeq(other.id) === seq, `the live event, ${client.where}`);
  });
});

describe("I6: role", () => {
  test("a promotion or demotion takes effect at once on every node, without joining again", async () => {
    const vault = await vaultWithMember("viewer");
    const clients = await connectEverywhere(member, vault.id);
    const attempt = (client) => client.emitWithAck("source:created", { vaultId: vault.id, ...newSource("By socket") });
    for (let round = 0; round < 3; round++) {
      for (const client of clients) {
        const { ok, code, message } = await attempt(client);
        assert.deepEqual([ok, code, message], [false, "FORBIDDEN", "Insufficient permissions"], client.where);
      }
      const promoted = await owner
        .at(nodes[round % 2])
        .expect(200, "PATCH", memberPath(vault), { role: "contributor" });
      const created = await Promise.all(clients.map(attempt));
      assert.ok(
        created.every(({ ok }) => ok),
        JSON.stringify(created),
      );
      for (const client of clients) {
        await client.until(
          () => client.lastSeq(vault.id) >= promoted.seq + clients.length,
          `the events, ${client.where}`,
        );
        assert.equal(client.latest["member:updated"].member.role, "contributor");
      }
      await owner.at(nodes[round % 2]).expect(200, "PATCH", memberPath(vault), { role: "viewer" });
    }
    const { seq } = await owner.createSource(vault.id);
    for (const client of clients) {
      await client.until(() => client.lastSeq(vault.id) === seq, `a change of role keeps the room, ${client.where}`);
      await assertMatchesLog(
        world.database,
        vault.id,
        client.eventsOf(vault.id),
        client.joined.seq + 1,
        seq,
        client.where,
      );
    }
  });

  test("a removed member cannot create sources any more", async () => {
    const vault = await vaultWithMember("contributor");
    const clients = await connectEverywhere(member, vault.id);
    await owner.expect(204, "DELETE", memberPath(vault));
    const head = await world.database.headSeq(vault.id);
    for (const client of clients) {
      const answer = await client.emitWithAck("source:created", { vaultId: vault.id, ...newSource() });
      assert.deepEqual([answer.ok, answer.message], [false, "Access denied to vault"], client.where);
    }
    assert.equal(await world.database.headSeq(vault.id), head);
  });
});

describe("I6: vault", () => {
  test("a deleted vault: vault:deleted, then vault:left, for every member on every node", async (t) => {
    const vault = await vaultWithMember("viewer");
    const clients = [...(await connectEverywhere(owner, vault.id)), ...(await connectEverywhere(member, vault.id))];
    await owner.createSource(vault.id);
    const { seq } = await owner.at(nodes[1]).expect(204, "DELETE", `/api/vaults/${vault.id}`);
    await assertLeft(t, clients, performance.now());
    for (const client of clients) {
      assert.deepEqual(names(client).slice(-2), ["vault:deleted", "vault:left"], client.where);
      assert.deepEqual(client.latest["vault:left"], { vaultId: vault.id, reason: "vault-deleted" });
      await assertMatchesLog(
        world.database,
        vault.id,
        client.eventsOf(vault.id),
        client.joined.seq + 1,
        seq,
        client.where,
      );
      assert.equal((await client.emitWithAck("vault:join", vault.id)).message, "Access denied to vault");
    }
  });
});

describe("I6: session", () => {
  /** Starts another session of the same user. */
  const newSession = ({ url, user }) => new RestClient(url).login(user.email);

  /** Asserts that an event reaches `staying` but not `ended`, and that the clients in `ended` cannot reconnect. */
  async function assertSessionEnded(vault, ended, staying) {
    const counts = ended.map((client) => client.eventsOf(vault.id).length);
    const { seq } = await owner.createSource(vault.id, "Not for an ended session");
    for (const client of staying) {
      await client.until(() => client.lastSeq(vault.id) === seq, `the live event, ${client.where}`);
      assert.equal(client.disconnects, 0, client.where);
    }
    for (const [i, client] of ended.entries()) {
      // As by default, the client reconnects unless the server rejects it.
      client.socket.io.reconnection(true).reconnectionDelay(50).reconnectionDelayMax(100);
      client.socket.connect();
      await client.until(() => client.latest.connect_error === "UNAUTHORIZED", `the rejection, ${client.where}`);
      assert.equal(client.eventsOf(vault.id).length, counts[i], `no further event, ${client.where}`);
      assert.equal(client.socket.active, false, "the client treats the rejection as final");
    }
  }

  for (const [what, end] of [
    ["logged out by REST", (session) => session.expect(204, "POST", "/api/auth/logout")],
    [
      "deleted by SQL",
      (session) => world.database.rows("DELETE FROM sessions WHERE token_hash = sha256($1)", [tokenOf(session)]),
    ],
    [
      "expired by SQL",
      (session) =>
        world.database.rows("UPDATE sessions SET expires_at = now() WHERE token_hash = sha256($1)", [tokenOf(session)]),
    ],
  ]) {
    test(`${what}: its sockets on every node are disconnected, those of the user's other sessions stay`, async (t) => {
      const vault = await vaultWithMember("viewer");
      const [ending, other] = [await newSession(member), await newSession(member)];
      const ended = await connectEverywhere(ending, vault.id);
      const staying = await connectEverywhere(other, vault.id);
      await end(ending);
      await assertDisconnected(t, ended, performance.now());
      await assertSessionEnded(vault, ended, staying);
    });
  }

  const tokenOf = (session) => session.cookie.split("=")[1];

  test("expiry: sockets are disconnected at the expiry and not earlier; a prolonged session stays", async (t) => {
    const vault = await vaultWithMember("viewer");
    const [ending, prolonged] = [await newSession(member), await newSession(member)];
    const ended = await connectEverywhere(ending, vault.id);
    const staying = await connectEverywhere(prolonged, vault.id);
    const set = (session, interval) =>
      world.database.rows(
        "UPDATE sessions SET expires_at = clock_timestamp() + $2::interval WHERE token_hash = sha256($1)",
        [tokenOf(session), interval],
      );
    await set(prolonged, "1 second");
    await set(ending, "1 second");
    const from = performance.now();
    await set(prolonged, "1 hour");
    await Promise.race(ended.map((client) => client.until(() => client.disconnects === 1, "the first disconnection")));
    assert.ok(performance.now() - from > 900, "not too early");
    await assertDisconnected(t, ended, from + 1000);
    await assertSessionEnded(vault, ended, staying);
  });

  test("expiry at the end of the session lifetime, without a change in the database", async (t) => {
    const server = await world.startServer({ env: { SYNCSCRIPT_SESSION_LIFETIME_S: "3" } });
    const vault = await vaultWithMember("viewer");
    const witness = await connectClient(owner);
    await witness.join(vault.id);
    const ending = await new RestClient(server.url).login(member.user.email);
    const expires = Date.parse((await ending.expect(200, "GET", "/api/auth/session")).body.expires);
    // On the node that issued the session, and on one with another lifetime.
    const ended = [];
    for (const node of [server, world.server]) {
      for (const transports of TRANSPORTS) {
        const client = await connectClient(ending, { transports }, node);
        client.where = `${transports.join(" then ")} at port ${node.port}`;
        await client.join(vault.id);
        ended.push(client);
      }
    }
    const end = performance.now() + expires - Date.now();
    await assertDisconnected(t, ended, end);
    for (const client of ended)
      assert.ok(client.received.find(({ name }) => name === "disconnect").at >= end - 50, "not too early");
    await assertSessionEnded(vault, ended, [witness]);
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("no valid session: a client gets UNAUTHORIZED even during its upgrade, 60 times", async () => {
    const cookie = "authjs.session-token=forged";
    for (let round = 0; round < 6; round++) {
      const clients = Array.from({ length: 10 }, () =>
        world.defer(new BulkSubscriber(world.server.url, { cookie }), (client) => client.close()),
      );
      for (const client of clients) {
        assert.equal(await client.until(() => client.latest.connect_error, "the rejection"), "UNAUTHORIZED");
        client.close();
      }
    }
  });

  test("a long-polling client without the library: its pending poll ends, and its session is rejected", async (t) => {
    const vault = await vaultWithMember("viewer");
    const ending = await newSession(member);
    const client = await Poller.connect(world.server, ending.cookie);
    await client.join(vault.id);
    const poll = client.poll();
    await ending.expect(204, "POST", "/api/auth/logout");
    const from = performance.now();
    await poll;
    await eventually(() => client.isRejected(), "sending is rejected");
    assertInTime(t, from, performance.now(), "sending is rejected");
    await owner.createSource(vault.id, "Not for an ended session");
    assert.equal(await client.poll(), 400, "polling is rejected");
    assert.equal(client.eventsOf(vault.id).length, 0);
  });

  test("a stalled client and a client with a second connection for its session are disconnected too", async (t) => {
    const vault = await vaultWithMember("viewer");
    const ending = await newSession(member);
    const stalled = world.defer(await RawSocket.connect(world.server, ending.cookie), (raw) => raw.destroy());
    await stalled.join(vault.id);
    stalled.stopReading();
    const upgraded = await connectClient(ending);
    upgraded.where = "polling then websocket";
    await upgraded.join(vault.id);
    await eventually(() => upgraded.transport === "websocket", "the upgrade");
    const twin = await RawSocket.dial(world.server, ending.cookie, upgraded.socket.io.engine.id);
    await withDeadline(twin.closed, "the second connection of a session closes");
    await ending.expect(204, "POST", "/api/auth/logout");
    const from = performance.now();
    await eventually(() => !isEstablished(world.server.port, stalled.localPort), "the stalled client is disconnected");
    assertInTime(t, from, performance.now(), "the stalled client is disconnected");
    await assertDisconnected(t, [upgraded], from);
    await assertSessionEnded(vault, [upgraded], []);
  });

  test("a session that ends during a database outage is found afterwards", async (t) => {
    const vault = await vaultWithMember("viewer");
    const ending = await newSession(member);
    const ended = await connectEverywhere(ending, vault.id);
    const survivor = world.defer(await world.database.connection(), (connection) => connection.end());
    await world.database.allowConnections(false);
    try {
      await world.database.terminateBackends(survivor.processID);
      await survivor.query("DELETE FROM sessions WHERE token_hash = sha256($1)", [tokenOf(ending)]);
    } finally {
      await world.database.allowConnections(true);
    }
    await assertDisconnected(t, ended, performance.now());
  });
});
