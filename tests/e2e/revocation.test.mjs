// I6 on live sockets of two nodes: membership, role, vault and session end there at their place, and at once.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
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

/** A client of `rest` by each transport on each node; `where` says which. With a vault, in its room. */
async function everywhere(rest, vaultId) {
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

/** Asks each client something that it is answered; whatever was sent to it before is here by then. */
const settle = (clients, vault) => Promise.all(clients.map((client) => client.emitWithAck("vault:leave", vault.id)));

describe("I6: membership", () => {
  test("a removed member: vault:left at its place of the log on every node, and no event above", async () => {
    const vault = await vaultWithMember("viewer");
    const removed = await everywhere(member, vault.id);
    const others = await everywhere(owner, vault.id);
    let removal;
    // Writers on both nodes: there are events right before the removal and right after it.
    await whileWriting(
      4,
      (i) => owner.at(nodes[i % 2]).createSource(vault.id),
      async () => {
        await eventually(() => others[0].eventsOf(vault.id).length > 20, "events before the removal");
        removal = (await owner.at(nodes[1]).expect(204, "DELETE", memberPath(vault))).seq;
        await eventually(() => others[0].lastSeq(vault.id) > removal + 20, "events after the removal");
      },
    );
    for (const client of removed) await client.until(() => client.latest["vault:left"], `vault:left, ${client.where}`);
    const last = await owner.createSource(vault.id, "The last one");
    for (const client of others)
      await client.until(() => client.lastSeq(vault.id) === last.seq, `the end, ${client.where}`);
    await settle(removed, vault);
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

  test("a member who leaves by himself, and one removed by SQL, are treated the same", async () => {
    const vault = await vaultWithMember("contributor");
    for (const leave of [
      () => member.expect(204, "DELETE", memberPath(vault)),
      () => world.database.rows("SELECT member_remove($1, $2, $3)", [vault.id, owner.user.id, member.user.id]),
    ]) {
      const clients = await everywhere(member, vault.id);
      await leave();
      for (const client of clients) {
        const left = await client.until(() => client.latest["vault:left"], `vault:left, ${client.where}`);
        assert.deepEqual(left, { vaultId: vault.id, reason: "membership-revoked" });
        client.close();
      }
      await owner.addMember(vault.id, member.user, "contributor");
    }
  });

  test("other vaults of the same socket go on", async () => {
    const [vault, other] = [await vaultWithMember("viewer"), await vaultWithMember("viewer")];
    const clients = await everywhere(member, vault.id);
    for (const client of clients) await client.join(other.id);
    await owner.expect(204, "DELETE", memberPath(vault));
    for (const client of clients) await client.until(() => client.latest["vault:left"], `vault:left, ${client.where}`);
    const { seq } = await owner.createSource(other.id);
    for (const client of clients) await client.until(() => client.lastSeq(other.id) === seq, `live, ${client.where}`);
  });
});

describe("I6: role", () => {
  test("promoted, a socket may create at once; demoted, it may not; on every node, without joining again", async () => {
    const vault = await vaultWithMember("viewer");
    const clients = await everywhere(member, vault.id);
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

  test("removed, a socket can create nothing any more", async () => {
    const vault = await vaultWithMember("contributor");
    const clients = await everywhere(member, vault.id);
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
  test("deleted: vault:deleted, then vault:left, for everyone on every node", async () => {
    const vault = await vaultWithMember("viewer");
    const clients = [...(await everywhere(owner, vault.id)), ...(await everywhere(member, vault.id))];
    await owner.createSource(vault.id);
    const { seq } = await owner.at(nodes[1]).expect(204, "DELETE", `/api/vaults/${vault.id}`);
    for (const client of clients) {
      await client.until(() => client.latest["vault:left"], `vault:left, ${client.where}`);
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
  /** Another session of the same user. */
  const again = ({ url, user }) => new RestClient(url).login(user.email);

  /** Asserts that all are cut off; says how long after `from` the last one was. */
  async function assertCut(t, clients, from) {
    for (const client of clients) await client.until(() => client.disconnects === 1, `cut off, ${client.where}`);
    t.diagnostic(`all cut off ${Math.round(performance.now() - from)} ms after; promised is a second`);
  }

  /** Asserts that an event reaches `staying`, and none of `gone`; and that these may not come back. */
  async function assertGone(vault, gone, staying) {
    const counts = gone.map((client) => client.eventsOf(vault.id).length);
    const { seq } = await owner.createSource(vault.id, "Not for a session that is over");
    for (const client of staying) {
      await client.until(() => client.lastSeq(vault.id) === seq, `live, ${client.where}`);
      assert.equal(client.disconnects, 0, client.where);
    }
    for (const [i, client] of gone.entries()) {
      // As clients do by default, it tries again while nobody says no.
      client.socket.io.reconnection(true).reconnectionDelay(50).reconnectionDelayMax(100);
      client.socket.connect();
      await client.until(() => client.latest.connect_error === "UNAUTHORIZED", `the refusal, ${client.where}`);
      assert.equal(client.eventsOf(vault.id).length, counts[i], `nothing more, ${client.where}`);
      assert.equal(client.socket.active, false, "the client takes it as final");
    }
  }

  for (const [what, end] of [
    ["logged out by REST", (session) => session.request("POST", "/api/auth/logout")],
    [
      "deleted by SQL",
      (session) => world.database.rows("DELETE FROM sessions WHERE token_hash = sha256($1)", [tokenOf(session)]),
    ],
    [
      "ended by SQL",
      (session) =>
        world.database.rows("UPDATE sessions SET expires_at = now() WHERE token_hash = sha256($1)", [tokenOf(session)]),
    ],
  ]) {
    test(`${what}: its sockets on every node are cut off, those of the user's other sessions stay`, async (t) => {
      const vault = await vaultWithMember("viewer");
      const [ending, other] = [await again(member), await again(member)];
      const gone = await everywhere(ending, vault.id);
      const staying = await everywhere(other, vault.id);
      const from = performance.now();
      await end(ending);
      await assertCut(t, gone, from);
      await assertGone(vault, gone, staying);
    });
  }

  const tokenOf = (session) => session.cookie.split("=")[1];

  test("about to expire: cut off then and not before, and a session prolonged in time stays", async (t) => {
    const vault = await vaultWithMember("viewer");
    const [ending, prolonged] = [await again(member), await again(member)];
    const gone = await everywhere(ending, vault.id);
    const staying = await everywhere(prolonged, vault.id);
    const set = (session, interval) =>
      world.database.rows(
        "UPDATE sessions SET expires_at = clock_timestamp() + $2::interval WHERE token_hash = sha256($1)",
        [tokenOf(session), interval],
      );
    await set(prolonged, "1 second");
    await set(ending, "1 second");
    const from = performance.now();
    await set(prolonged, "1 hour");
    await Promise.race(gone.map((client) => client.until(() => client.disconnects === 1, "the first cut")));
    assert.ok(performance.now() - from > 900, "not before its time");
    await assertCut(t, gone, from + 1000);
    await assertGone(vault, gone, staying);
  });

  test("expired by its age alone, with nobody touching it", async (t) => {
    const server = await world.startServer({ env: { SYNCSCRIPT_SESSION_LIFETIME_S: "3" } });
    const vault = await vaultWithMember("viewer");
    const witness = await connectClient(owner);
    await witness.join(vault.id);
    const ending = await new RestClient(server.url).login(member.user.email);
    const expires = Date.parse((await ending.expect(200, "GET", "/api/auth/session")).body.expires);
    // On the node that began it, and on one with another setting.
    const gone = [];
    for (const node of [server, world.server]) {
      for (const transports of TRANSPORTS) {
        const client = await connectClient(ending, { transports }, node);
        client.where = `${transports.join(" then ")} at port ${node.port}`;
        await client.join(vault.id);
        gone.push(client);
      }
    }
    for (const client of gone) {
      await client.until(() => client.disconnects === 1, `cut off, ${client.where}`);
      assert.ok(Date.now() >= expires - 50, "not before its time");
    }
    t.diagnostic(`all cut off ${Date.now() - expires} ms after the end; promised is a second`);
    await assertGone(vault, gone, [witness]);
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("none at all: a client that is upgrading meanwhile is told UNAUTHORIZED all the same, 60 times", async () => {
    const cookie = "authjs.session-token=forged";
    for (let round = 0; round < 6; round++) {
      const clients = Array.from({ length: 10 }, () =>
        world.defer(new BulkSubscriber(world.server.url, { cookie }), (client) => client.close()),
      );
      for (const client of clients) {
        assert.equal(await client.until(() => client.latest.connect_error, "the refusal"), "UNAUTHORIZED");
        client.close();
      }
    }
  });

  test("a long-polling client without the library: its poll under way ends, and its session is refused", async () => {
    const vault = await vaultWithMember("viewer");
    const ending = await again(member);
    const client = await Poller.connect(world.server, ending.cookie);
    await client.join(vault.id);
    const poll = client.poll();
    await ending.request("POST", "/api/auth/logout");
    await poll;
    await eventually(async () => (await client.send("3")) === 400, "sending is refused");
    await owner.createSource(vault.id, "Not for a session that is over");
    assert.equal(await client.poll(), 400, "polling is refused");
    assert.equal(client.eventsOf(vault.id).length, 0);
  });

  test("a client that does not read, and one that asks for the same session twice, are cut off all the same", async () => {
    const vault = await vaultWithMember("viewer");
    const ending = await again(member);
    const stalled = world.defer(await RawSocket.connect(world.server, ending.cookie), (raw) => raw.destroy());
    await stalled.join(vault.id);
    stalled.stopReading();
    const upgraded = await connectClient(ending);
    upgraded.where = "polling then websocket";
    await upgraded.join(vault.id);
    await eventually(() => upgraded.transport === "websocket", "the upgrade");
    const twin = await RawSocket.dial(world.server, ending.cookie, upgraded.socket.io.engine.id);
    await withDeadline(twin.closed, "the second connection of a session is refused");
    await ending.request("POST", "/api/auth/logout");
    await eventually(() => !isEstablished(world.server.port, stalled.localPort), "the stalled one is cut off");
    await upgraded.until(() => upgraded.disconnects === 1, "the upgraded one is cut off");
    await assertGone(vault, [upgraded], []);
  });

  test("a session that ends while the database is away from the node is found afterwards", async (t) => {
    const vault = await vaultWithMember("viewer");
    const ending = await again(member);
    const gone = await everywhere(ending, vault.id);
    const survivor = world.defer(await world.database.connection(), (connection) => connection.end());
    await world.database.allowConnections(false);
    try {
      await world.database.terminateBackends(survivor.processID);
      await survivor.query("DELETE FROM sessions WHERE token_hash = sha256($1)", [tokenOf(ending)]);
    } finally {
      await world.database.allowConnections(true);
    }
    await assertCut(t, gone, performance.now());
  });
});
