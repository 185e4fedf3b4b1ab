// Connections that are lost at a critical moment, and networks that break websockets.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents, waitForBlocked } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { assertNoPanic, countOpenFiles } from "./lib/procfs.mjs";
import { Poller, RawSocket } from "./lib/raw-clients.mjs";
import { TcpProxy } from "./lib/tcp-proxy.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

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

async function assertAllReceivedLog(clients, vaultId) {
  const head = await world.database.headSeq(vaultId);
  for (const client of clients) {
    await client.until(() => client.lastSeq(vaultId) === head, "the head of the log");
    await assertMatchesLog(world.database, vaultId, client.eventsOf(vaultId), client.joined.seq + 1, head);
  }
}

describe("connections lost at a critical moment", () => {
  /** Ways to start a connection. Each returns a function that drops the connection. */
  const connectors = {
    websocket: async (server, cookie) => {
      const client = await RawSocket.dial(server, cookie);
      client.send("40");
      return () => client.destroy();
    },
    "polling, closing its session": async (server, cookie) => {
      const client = await Poller.open(server, cookie);
      await client.send("40");
      return () => client.send("1");
    },
    "polling, upgraded to a websocket": async (server, cookie) => {
      const session = await Poller.open(server, cookie);
      const client = await RawSocket.dial(server, cookie, session.sid);
      client.send("2probe");
      await client.until(() => client.latest.packet === "3probe", "the probe response");
      client.send("5");
      client.send("40");
      return () => client.destroy();
    },
  };

  for (const [name, connect] of Object.entries(connectors)) {
    test(`during the session lookup, by ${name}: no resource is leaked`, async () => {
      const own = await World.open({ env: { SYNCSCRIPT_SOCKETS_PER_USER: "1" } });
      try {
        const { cookie } = own.users.owner;
        const canConnect = async () => {
          const client = new BulkSubscriber(own.server.url, { cookie, transports: ["websocket"] });
          try {
            const { latest } = client;
            await client.until(() => latest.connect || latest.connect_error, "the connection or its rejection");
            assert.ok(latest.connect || latest.connect_error === "TOO_MANY_SOCKETS", latest.connect_error);
            return latest.connect;
          } finally {
            client.close();
          }
        };
        await eventually(canConnect, "the user can connect");
        const files = countOpenFiles(own.server.child.pid);
        const lock = own.defer(await own.database.connection(), (connection) => connection.end());
        const count = 10;
        for (let round = 0; round < 3; round++) {
          await lock.query("BEGIN");
          await lock.query("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE");
          const drops = [];
          for (let i = 0; i < count; i++) drops.push(await connect(own.server, cookie));
          await waitForBlocked(own.database, count);
          await Promise.all(drops.map((drop) => drop()));
          await lock.query("ROLLBACK");
          await eventually(canConnect, `round ${round}: the user's only socket slot is free`, 10_000);
        }
        // The server may keep database connections open, but no client connections.
        const databaseConnections = 20;
        await eventually(
          () => countOpenFiles(own.server.child.pid) <= files + databaseConnections,
          `as few open files as before: ${files}, now ${countOpenFiles(own.server.child.pid)}`,
        );
        assertNoPanic(own.server);
      } finally {
        await own.close();
      }
    });
  }

  test("during a join: no dead member stays in the room, and the vault keeps working", async () => {
    const vault = await world.vault();
    await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 3000 });
    const files = countOpenFiles(world.server.child.pid);
    for (let round = 0; round < 20; round++) {
      const client = await RawSocket.connect(world.server, owner.cookie);
      client.emit("vault:join", { vaultId: vault.id, after: 0 });
      if (round % 2) await client.until(() => client.lastSeq(vault.id) > 0, "the first event");
      client.destroy();
    }
    const clients = await joinOnEachNode(vault.id);
    for (let i = 0; i < 10; i++) await owner.createSource(vault.id);
    await assertAllReceivedLog(clients, vault.id);
    await eventually(() => countOpenFiles(world.server.child.pid) <= files + 20, "the connections are closed");
  });

  test("in the middle of an upgrade: the session continues by polling or ends; it never stays open without events", async () => {
    const vault = await world.vault();
    const head = await world.database.headSeq(vault.id);
    const session = await Poller.connect(world.server, owner.cookie);
    await session.join(vault.id);
    const half = await RawSocket.dial(world.server, owner.cookie, session.sid);
    half.send("2probe");
    await half.until(() => half.latest.packet === "3probe", "the probe response");
    half.destroy();
    const { seq } = await owner.createSource(vault.id);
    await eventually(
      async () => session.lastSeq(vault.id) === seq || (await session.poll()) !== 200,
      "the event, or the end of the session",
    );
    const again = await connectClient({});
    await again.join(vault.id, session.lastSeq(vault.id) || head);
    await again.until(() => [again, session].some((client) => client.lastSeq(vault.id) === seq), "the event");
    await assertMatchesLog(
      world.database,
      vault.id,
      [...session.eventsOf(vault.id), ...again.eventsOf(vault.id)],
      head + 1,
      seq,
    );
  });
});

// A broken upgrade ends its session, because the engine cannot go back to polling (docs/api.md). On such networks clients
// must be configured for polling only.
describe("networks that break websockets", () => {
  for (const [what, websocketFault] of [
    ["cuts websockets after the handshake", { after: 1, action: "cut" }],
    ["cuts websockets after the probe", { after: 2, action: "cut" }],
    ["swallows everything after the handshake", { after: 1, action: "swallow" }],
  ]) {
    test(`a network that ${what}: the official client on polling only gets every event`, async (t) => {
      const vault = await world.vault();
      const head = await world.database.headSeq(vault.id);
      const proxy = world.defer(await TcpProxy.start(world.server.port), (resource) => resource.close());
      proxy.websocketFault = websocketFault;
      const client = await connectClient(
        { transports: ["polling"], reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 100 },
        proxy,
      );
      client.follow(vault.id, head);
      for (let i = 1; i <= 5; i++) {
        await owner.createSource(vault.id);
        await client.until(() => client.lastSeq(vault.id) === head + i, `event ${i}`, 30_000);
      }
      await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), head + 1, head + 5);
      t.diagnostic(`${client.disconnects} disconnections`);
      client.close();
    });
  }
});
