// Startup and shutdown: stopping under load, starting without a database, rejecting a database of another version.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { appendEvents, waitForBlocked } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { Database } from "./lib/database.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { run } from "./lib/process.mjs";
import { assertNoPanic, isEstablished } from "./lib/procfs.mjs";
import { dial, RawSocket } from "./lib/raw-clients.mjs";
import { newSource, RestClient } from "./lib/rest.mjs";
import { Server } from "./lib/server.mjs";
import { SYNCSCRIPT_BIN } from "./lib/settings.mjs";
import { findFreePort, TcpProxy } from "./lib/tcp-proxy.mjs";
import { CleanupStack, eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];
/** The documented limit: the process exits within this time, whatever its clients do, in milliseconds. */
const SHUTDOWN_MS = 10_000;
const CLEAN_EXIT = { code: 0, signal: null };

async function open(t, options) {
  const world = await World.open(options);
  t.after(async () => {
    await world.close();
    assertNoPanic(world.server);
  });
  return world;
}

/** Sends the signal and asserts that the process exits cleanly and in time. */
async function assertStops(t, server, signal, from = performance.now()) {
  server.child.kill(signal);
  assert.deepEqual(
    await withDeadline(server.exit, () => `the server exits\n${server.tail()}`),
    CLEAN_EXIT,
    server.tail(),
  );
  const ms = performance.now() - from;
  t.diagnostic(`exited ${Math.round(ms)} ms after ${signal}`);
  assert.ok(ms < SHUTDOWN_MS, `after ${ms} ms`);
}

async function readiness(server) {
  const { status } = await fetch(`${server.url}/readyz`);
  assert.ok(status === 200 || status === 503, `readyz: ${status}`);
  return status;
}

/** Whether the port accepts connections. */
const accepts = (port) =>
  dial(port).then(
    (socket) => Boolean(socket.destroy()),
    () => false,
  );

describe("stopping", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    test(`${signal}: a running request completes, new connections are refused, and the exit is clean`, async (t) => {
      const world = await open(t);
      const { owner } = world.users;
      const vault = await world.vault();
      const lock = world.defer(await world.database.connection(), (connection) => connection.end());
      await lock.query("BEGIN");
      await lock.query("SELECT FROM vaults WHERE id = $1 FOR UPDATE", [vault.id]);
      const running = owner.request("POST", `/api/vaults/${vault.id}/sources`, newSource("Running"));
      await waitForBlocked(world.database);

      const from = performance.now();
      world.server.child.kill(signal);
      await eventually(async () => !(await accepts(world.server.port)), "new connections are refused");
      await lock.query("COMMIT");
      const answer = await running;
      assert.deepEqual([answer.status, answer.seq], [201, 2], answer.text);
      await assertStops(t, world.server, signal, from);
      const log = await world.database.log(vault.id);
      assert.equal(JSON.parse(log[1].payload).source.id, answer.body.source.id);
      assert.equal(await accepts(world.server.port), false);
    });

    test(`${signal} with 50 sockets of all transports and a stalled one: exits in time, and all 50 resume on the next server`, async (t) => {
      const world = await open(t, { users: ["owner", "viewer"] });
      const { owner, viewer } = world.users;
      const vault = await world.vault();
      const start = await world.database.headSeq(vault.id);
      const options = { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 300 };
      const clients = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          BulkSubscriber.connect(world.server.url, i % 2 ? owner : viewer, {
            transports: TRANSPORTS[i % 3],
            ...options,
          }),
        ),
      );
      world.defer(clients, () => clients.forEach((client) => client.close()));
      for (const client of clients) client.follow(vault.id, start);
      for (const client of clients) await client.until(() => client.latest["vault:joined"], "vault:joined");
      // Stalled with more data than the kernel buffers: the server's write to it is blocked at the shutdown.
      const large = await world.vault();
      const texts = { title: "t".repeat(500), fileUrl: `https://example.test/${"u".repeat(2000)}` };
      await appendEvents(world.database, { vaultId: large.id, actor: owner.user, count: 8000, ...texts });
      const stalled = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
      stalled.emit("vault:join", { vaultId: large.id, after: 0 });
      await stalled.until(() => stalled.lastSeq(large.id) > 0, "the first event");
      stalled.stopReading();
      const first = await owner.createSource(vault.id);
      for (const client of clients) await client.until(() => client.lastSeq(vault.id) === first.seq, "the first event");
      assert.ok(isEstablished(world.server.port, stalled.localPort), "the stalled client is still connected");

      await assertStops(t, world.server, signal);
      for (const client of clients)
        await client.until(() => client.disconnects > 0, `the disconnect, ${client.transport}`);
      const server = await world.startServer({ port: world.server.port });
      const { seq } = await owner.createSource(vault.id, "By the next server");
      for (const client of clients) {
        await client.until(() => client.lastSeq(vault.id) === seq, "the event after resuming");
        await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), start + 1, seq);
      }
      assertNoPanic(server);
    });
  }

  test("clients are disconnected immediately and need not wait for a heartbeat timeout", async (t) => {
    const world = await open(t);
    const clients = await Promise.all(
      TRANSPORTS.map((transports) => BulkSubscriber.connect(world.server.url, world.users.owner, { transports })),
    );
    const from = performance.now();
    world.server.child.kill("SIGTERM");
    for (const client of clients) await client.until(() => client.disconnects === 1, "the disconnect");
    t.diagnostic(`disconnected ${Math.round(performance.now() - from)} ms after SIGTERM`);
    await assertStops(t, world.server, "SIGTERM", from);
  });

  test("silent connections and incomplete requests do not delay the shutdown", async (t) => {
    const world = await open(t);
    const vault = await world.vault();
    const silent = await dial(world.server.port);
    const half = await dial(world.server.port);
    half.write("POST /api/vaults HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
    const handshaking = await RawSocket.dial(world.server, world.users.owner.cookie);
    const lock = world.defer(await world.database.connection(), (connection) => connection.end());
    await lock.query("BEGIN");
    await lock.query("SELECT FROM vaults WHERE id = $1 FOR UPDATE", [vault.id]);
    // This request cannot complete in time: its client gets no response, which clients must handle.
    const blockedRequest = world.users.owner
      .request("POST", `/api/vaults/${vault.id}/sources`, newSource())
      .catch(() => null);
    await waitForBlocked(world.database);
    await assertStops(t, world.server, "SIGTERM");
    await blockedRequest;
    for (const socket of [silent, half, handshaking]) socket.destroy();
  });

  test("a second signal changes nothing", async (t) => {
    const world = await open(t);
    world.server.child.kill("SIGTERM");
    world.server.child.kill("SIGINT");
    await assertStops(t, world.server, "SIGTERM");
  });

  test("SIGTERM during a database outage", async (t) => {
    const world = await open(t);
    const client = await BulkSubscriber.connect(world.server.url, world.users.owner);
    await client.join((await world.vault()).id);
    await world.database.allowConnections(false);
    await world.database.terminateBackends();
    await assertStops(t, world.server, "SIGTERM");
  });
});

describe("starting without a database", () => {
  /** Creates a database without a schema, and starts a server whose database URL has a port where nobody listens yet. */
  async function startWithoutDatabase(t) {
    const cleanup = new CleanupStack();
    t.after(() => cleanup.close());
    const database = cleanup.defer(await Database.create(), (resource) => resource.drop());
    const port = await findFreePort();
    const url = new URL(database.url);
    const target = Number(url.port || 5432);
    url.hostname = "127.0.0.1";
    url.port = String(port);
    const server = cleanup.defer(await Server.start({ database: { url: url.toString() } }), (resource) =>
      resource.end("SIGKILL"),
    );
    return {
      cleanup,
      database,
      server,
      connectDatabase: async () => cleanup.defer(await TcpProxy.start(target, port), (resource) => resource.close()),
    };
  }

  test("healthz 200, readyz and API 503, sockets UNAVAILABLE; once the database is up, migrated and fully working", async (t) => {
    const { cleanup, database, server, connectDatabase } = await startWithoutDatabase(t);
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    const stranger = new RestClient(server.url, "authjs.session-token=abc");
    for (const [method, path, body] of [
      ["GET", "/readyz"],
      ["GET", "/api/vaults"],
      ["POST", "/api/vaults", { name: "Too early" }],
      ["POST", "/api/auth/login", { email: "a@example.test", password: "some password" }],
    ]) {
      const answer = await stranger.request(method, path, body);
      assert.equal(answer.status, 503, `${method} ${path}: ${answer.text}`);
      assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
      assert.equal(answer.body.code, "UNAVAILABLE");
    }
    const early = new BulkSubscriber(server.url, { cookie: stranger.cookie, transports: ["websocket"] });
    await early.until(() => early.latest.connect_error, "the rejection");
    assert.equal(early.latest.connect_error, "UNAVAILABLE", "an outage is not a bad session");
    assert.equal(server.child.exitCode, null);

    const from = performance.now();
    await connectDatabase();
    await eventually(async () => (await readiness(server)) === 200, "ready");
    t.diagnostic(`ready ${Math.round(performance.now() - from)} ms after the database was reachable`);
    const owner = await RestClient.signUp(server, "owner");
    const vault = await owner.createVault();
    const client = cleanup.defer(await BulkSubscriber.connect(server.url, owner), (resource) => resource.close());
    await client.join(vault.id);
    const { seq } = await owner.createSource(vault.id);
    await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
    await eventually(async () => (await database.listeners()) === 1, "the server listens");
    assertNoPanic(server);
  });

  test("SIGTERM while it waits for the database", async (t) => {
    const { server } = await startWithoutDatabase(t);
    await assertStops(t, server, "SIGTERM");
  });

  test("an outage of the database: readyz follows it, and the process keeps running", async (t) => {
    const { server, connectDatabase } = await startWithoutDatabase(t);
    const proxy = await connectDatabase();
    const readyz = () => readiness(server);
    await eventually(async () => (await readyz()) === 200, "ready");
    await proxy.close();
    await eventually(async () => (await readyz()) === 503, "not ready");
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    await connectDatabase();
    await eventually(async () => (await readyz()) === 200, "ready again");
    assert.equal(server.child.exitCode, null);
    assertNoPanic(server);
  });
});

describe("a database of another version", () => {
  async function createMigratedDatabase(t) {
    const cleanup = new CleanupStack();
    t.after(() => cleanup.close());
    const database = cleanup.defer(await Database.create(), (resource) => resource.drop());
    const { code, stderr } = await run(SYNCSCRIPT_BIN, ["migrate"], { DATABASE_URL: database.url });
    assert.equal(code, 0, stderr);
    return database;
  }

  for (const [what, sql] of [
    ["a migration with another checksum", "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2"],
    [
      "an unknown migration",
      `INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
       VALUES (9999, 'of the future', true, '\\x00', 0)`,
    ],
    ["a migration that failed halfway", "UPDATE _sqlx_migrations SET success = false WHERE version = 3"],
  ]) {
    test(`${what}: serve and migrate exit with an error of one sentence`, async (t) => {
      const database = await createMigratedDatabase(t);
      await database.rows(sql);
      for (const command of ["serve", "migrate"]) {
        const { code, stdout, stderr } = await run(SYNCSCRIPT_BIN, [command], {
          DATABASE_URL: database.url,
          HOST: "127.0.0.1",
          PORT: "0",
          SYNCSCRIPT_LOG: "warn",
        });
        assert.ok(code > 0, `${command}: exit status ${code}`);
        assert.equal(stdout, "", `${command} does not print that it listens`);
        const lines = stderr.split("\n").filter((line) => line !== "");
        assert.equal(lines.length, 1, `${command}: one sentence on stderr:\n${stderr}`);
        assert.match(lines[0], /^syncscript: DATABASE_URL: .*migrat/, command);
        assert.match(lines[0], /\b(2|9999|3)\b/, `${command} names the migration: ${lines[0]}`);
      }
    });
  }

  test("a database with a current schema: the server starts, and the schema does not change", async (t) => {
    const database = await createMigratedDatabase(t);
    const before = await database.rows("SELECT version, checksum, installed_on FROM _sqlx_migrations ORDER BY version");
    const server = await Server.start({ database });
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
    await assertStops(t, server, "SIGTERM");
    assert.deepEqual(
      await database.rows("SELECT version, checksum, installed_on FROM _sqlx_migrations ORDER BY version"),
      before,
    );
  });

  test("an incompatible schema found only when the database is reachable: the process exits with an error", async (t) => {
    const database = await createMigratedDatabase(t);
    await database.rows("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 2");
    const cleanup = new CleanupStack();
    t.after(() => cleanup.close());
    const url = new URL(database.url);
    const [target, port] = [Number(url.port || 5432), await findFreePort()];
    url.hostname = "127.0.0.1";
    url.port = String(port);
    const server = cleanup.defer(await Server.start({ database: { url: url.toString() } }), (resource) =>
      resource.end("SIGKILL"),
    );
    cleanup.defer(await TcpProxy.start(target, port), (resource) => resource.close());
    const { code } = await withDeadline(server.exit, () => `the server exits\n${server.tail()}`);
    assert.ok(code > 0, `exit status ${code}`);
  });
});
