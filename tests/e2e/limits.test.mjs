// The limits that protect the server from a single client: requests over a limit are rejected or the connection is closed,
// and the server keeps working.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { dial, encodeFrame, Poller, RawSocket, waitForClose } from "./lib/raw-clients.mjs";
import { newSource } from "./lib/rest.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

const SOCKET_LIMIT = 3;
const VAULT_LIMIT = 2;
const BURST = 30;
const IDLE_MS = 1500;
const INBOUND = 64 * 1024;

let world, owner, other;
before(async () => {
  world = await World.open({ users: ["owner", "other"] });
  ({ owner, other } = world.users);
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

/** Starts a separate server on the same database, for settings that would affect the other tests. */
async function startServerWith(env) {
  return world.startServer({ env });
}

async function connectClient(rest, options, server = world.server) {
  return world.defer(await BulkSubscriber.connect(server.url, rest, options), (client) => client.close());
}

/** Tries to connect. Returns the client when it is connected or rejected. */
async function attempt(rest, options, server) {
  const client = world.defer(new BulkSubscriber(server.url, { cookie: rest.cookie, ...options }), (resource) =>
    resource.close(),
  );
  await client.until(() => client.latest.connect || client.latest.connect_error, "the connection or its rejection");
  return client;
}

/** Asserts that the server still works, by REST and by socket. */
async function assertServes(server = world.server) {
  assert.equal((await fetch(`${server.url}/readyz`)).status, 200);
  const client = await connectClient(owner, { transports: ["websocket"] }, server);
  assert.equal((await client.emitWithAck("vault:leave", "no id")).code, "BAD_REQUEST");
  client.close();
}

/** An invalid `vault:join` of exactly `bytes` bytes on the wire. */
function joinPacketOf(bytes) {
  const rest = '42["vault:join",""]'.length;
  return `42["vault:join","${"x".repeat(bytes - rest)}"]`;
}

describe("inbound messages", () => {
  test("a message of 64 KiB over a websocket is read, one byte more closes the connection", async () => {
    const client = await RawSocket.connect(world.server, owner.cookie);
    client.send(joinPacketOf(INBOUND));
    await client.until(() => client.latest.error, "the response to 64 KiB");
    assert.equal(client.latest.error.code, "BAD_REQUEST");
    client.send(joinPacketOf(INBOUND + 1));
    await withDeadline(client.closed, "the connection closes");
    await assertServes();
  });

  test("two frames over 64 KiB in total, or a frame with a length of one gigabyte, close the connection too", async () => {
    const text = joinPacketOf(INBOUND + 1);
    const split = await RawSocket.connect(world.server, owner.cookie);
    split.socket.write(encodeFrame(text.slice(0, INBOUND / 2), { fin: false }));
    split.socket.write(encodeFrame(text.slice(INBOUND / 2), { opcode: 0 }));
    await withDeadline(split.closed, "the connection closes");
    const oversized = await RawSocket.connect(world.server, owner.cookie);
    oversized.socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0]));
    await withDeadline(oversized.closed, "the connection closes");
    await assertServes();
  });

  test("the official client: a too large event closes its connection, and it can reconnect", async () => {
    const client = await connectClient(owner, { transports: ["websocket"] });
    client.socket.emit("vault:join", "x".repeat(INBOUND));
    await client.until(() => client.disconnects === 1, "the disconnect");
    client.socket.connect();
    await client.until(() => client.socket.connected, "the reconnection");
  });

  test("by polling: TOO_LARGE for a large event, after which the session continues; 4xx for a body over 1 MiB", async () => {
    const client = await Poller.connect(world.server, owner.cookie);
    assert.equal(await client.send(joinPacketOf(INBOUND + 1000)), 200);
    await client.pollUntil(() => client.latest.error, "the error");
    assert.equal(client.latest.error.code, "TOO_LARGE");
    const vault = await world.vault();
    assert.equal((await client.join(vault.id)).seq, 1);
    const status = await client.send(joinPacketOf(2 * 1024 * 1024));
    assert.ok(status >= 400 && status < 500, `${status}`);
    await assertServes();
  });

  test("invalid packets close the connection at most, and never stop the server", async () => {
    for (const nonsense of ["", "9", "42[", '42["vault:join"', "4", "42{}", "451-[]", "\u0000", "42[1,2,3]"]) {
      const client = await RawSocket.connect(world.server, owner.cookie);
      client.send(nonsense);
      // Either the connection closes, or the packet is ignored and a later request gets a response.
      client.emit("vault:leave", "no id");
      const answered = client.until(() => client.latest.error, "a response");
      await Promise.race([client.closed, answered.catch(() => {})]);
      client.destroy();
      await assert.doesNotReject(assertServes(), JSON.stringify(nonsense));
    }
  });
});

describe("floods", () => {
  test("more events than the burst: RATE_LIMITED, the socket stays connected, and later events work", async () => {
    const server = await startServerWith({ SYNCSCRIPT_SOCKET_RATE: "20", SYNCSCRIPT_SOCKET_BURST: String(BURST) });
    for (const transports of [["websocket"], ["polling"]]) {
      const vault = await world.vault();
      const client = await connectClient(owner, { transports }, server);
      await client.join(vault.id);
      // Without acknowledgements each event gets one packet, and all of them fit into the socket's buffer.
      for (let i = 0; i < BURST * 4; i++) client.socket.emit("vault:leave", "no id");
      await client.until(() => client.latest.error?.code === "RATE_LIMITED", "RATE_LIMITED");
      const codes = () => client.received.filter(({ name }) => name === "error").map(({ data }) => data.code);
      await client.until(() => codes().length === BURST * 4, "a response to each event");
      const served = codes().filter((code) => code === "BAD_REQUEST").length;
      assert.ok(served >= BURST / 2 && served <= BURST * 2, `${served} of ${BURST * 4} were evaluated`);
      const joined = await eventually(async () => {
        const answer = await client.emitWithAck("vault:join", vault.id);
        assert.ok(answer.ok || answer.code === "RATE_LIMITED", JSON.stringify(answer));
        return answer.ok && answer;
      }, "later events work");
      const { seq } = await owner.createSource(vault.id);
      await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
      assert.equal(joined.seq, seq - 1);
      assert.equal(client.disconnects, 0);
    }
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("a client that floods and reads no responses is rejected or closed, and others are served", async () => {
    const vault = await world.vault();
    const flooding = world.defer(await RawSocket.connect(world.server, other.cookie), (raw) => raw.destroy());
    const witness = await connectClient(owner, { transports: ["websocket"] });
    await witness.join(vault.id);
    flooding.stopReading();
    const packet = `42["vault:leave","${"x".repeat(2000)}"]`;
    for (let i = 0; i < 20_000 && flooding.socket.writable; i++) flooding.send(packet);
    const { seq } = await owner.createSource(vault.id);
    await witness.until(() => witness.lastSeq(vault.id) === seq, "the event");
    flooding.resumeReading();
    await Promise.race([
      flooding.closed,
      flooding.until(() => flooding.latest.error?.code === "RATE_LIMITED", "closed or rejected"),
    ]);
    await assertServes();
  });
});

describe("connections", () => {
  test("sockets per user: TOO_MANY_SOCKETS over the limit, a slot is free when one closes, other users not affected", async () => {
    const server = await startServerWith({ SYNCSCRIPT_SOCKETS_PER_USER: String(SOCKET_LIMIT) });
    for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
      // All at once, to check that the limit holds under concurrency.
      const clients = await Promise.all(Array.from({ length: 10 }, () => attempt(owner, { transports }, server)));
      const admitted = clients.filter((client) => client.latest.connect);
      assert.equal(admitted.length, SOCKET_LIMIT, transports.join());
      for (const client of clients.filter((it) => !it.latest.connect)) {
        assert.equal(client.latest.connect_error, "TOO_MANY_SOCKETS");
        client.close();
      }
      assert.ok((await attempt(other, { transports }, server)).latest.connect, "another user can connect");
      admitted[0].close();
      const late = await eventually(async () => {
        const client = await attempt(owner, { transports }, server);
        return client.latest.connect && client;
      }, "a free slot");
      for (const client of [...admitted, late]) client.close();
      await eventually(async () => {
        const probes = await Promise.all(admitted.map(() => attempt(owner, { transports: ["websocket"] }, server)));
        probes.forEach((client) => client.close());
        return probes.every((client) => client.latest.connect);
      }, "all slots are free");
    }
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("a user can still connect after many rejections and lost connections", async () => {
    const server = await startServerWith({ SYNCSCRIPT_SOCKETS_PER_USER: "1" });
    for (let i = 0; i < 30; i++) {
      const client = await RawSocket.dial(server, owner.cookie);
      client.send("40");
      // The client drops the connection before, during or after its admission.
      if (i % 3 === 1) await client.until(() => client.latest.open, "the Engine.IO handshake");
      if (i % 3 === 2)
        await client.until(
          () => client.latest.connect || client.latest.connect_error,
          "the connection or its rejection",
        );
      client.destroy();
    }
    await eventually(async () => {
      const client = await attempt(owner, { transports: ["websocket"] }, server);
      return client.latest.connect;
    }, "the only slot is free");
    assertNoPanic(server);
    await server.end("SIGKILL");
  });

  test("vaults per socket: TOO_MANY_VAULTS over the limit; leaving and removal free a slot, rejected joins take none", async () => {
    const server = await startServerWith({ SYNCSCRIPT_VAULTS_PER_SOCKET: String(VAULT_LIMIT) });
    const vaults = await Promise.all(Array.from({ length: VAULT_LIMIT + 2 }, () => owner.createVault()));
    for (const vault of vaults) await owner.addMember(vault.id, other.user, "viewer");
    const foreign = await owner.createVault();
    const client = await connectClient(other, {}, server);
    const join = (vault) => client.emitWithAck("vault:join", { vaultId: vault.id, after: 0 });
    for (let i = 0; i < 5; i++) assert.equal((await join(foreign)).ok, false, "a rejected join takes no slot");
    for (const vault of vaults.slice(0, VAULT_LIMIT)) assert.equal((await join(vault)).ok, true);
    const overLimit = await join(vaults[VAULT_LIMIT]);
    assert.deepEqual([overLimit.ok, overLimit.code], [false, "TOO_MANY_VAULTS"]);
    assert.equal(client.latest.error.code, "TOO_MANY_VAULTS");
    assert.equal((await join(vaults[0])).ok, true, "joining again takes no further slot");

    await client.emitWithAck("vault:leave", vaults[0].id);
    assert.equal((await join(vaults[VAULT_LIMIT])).ok, true, "leaving frees a slot");
    await owner.at(server).expect(204, "DELETE", `/api/vaults/${vaults[1].id}/members/${other.user.id}`);
    await client.until(() => client.latest["vault:left"]?.reason, "vault:left");
    assert.equal((await join(vaults[VAULT_LIMIT + 1])).ok, true, "a removal frees a slot");
    const { seq } = await owner.at(server).createSource(vaults[VAULT_LIMIT + 1].id);
    await client.until(() => client.lastSeq(vaults[VAULT_LIMIT + 1].id) === seq, "the live event");
    assert.equal((await join(vaults[0])).code, "TOO_MANY_VAULTS");
    assertNoPanic(server);
    await server.end("SIGKILL");
  });
});

describe("slow connections", { concurrency: true }, () => {
  /** Sends `text`, then `each` at intervals. Returns what the server sent before it closed, and after how long it closed. */
  async function dribble(port, text, each) {
    const socket = await dial(port);
    let answer = "";
    socket.setEncoding("utf8").on("data", (chunk) => (answer += chunk));
    const from = performance.now();
    socket.write(text);
    const timer = each && setInterval(() => socket.writable && socket.write(each), 200);
    try {
      await withDeadline(
        waitForClose(socket),
        `the server closes the connection that sent ${JSON.stringify(text)}`,
        30_000,
      );
    } finally {
      clearInterval(timer);
      socket.destroy();
    }
    return { answer, ms: performance.now() - from };
  }

  test("a request head that never ends is closed, even if it keeps coming", async (t) => {
    const start = "GET /healthz HTTP/1.1\r\nHost: x\r\n";
    const [silent, steady, upgrading] = await Promise.all([
      dribble(world.server.port, start),
      dribble(world.server.port, start, "x-a: b\r\n"),
      dribble(
        world.server.port,
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nUpgrade: websocket\r\n",
        "x-a: b\r\n",
      ),
    ]);
    for (const { answer, ms } of [silent, steady, upgrading]) {
      assert.ok(!answer.startsWith("HTTP/1.1 200"), answer);
      t.diagnostic(`closed after ${Math.round(ms)} ms`);
    }
    await assertServes();
  });

  test("an idle keep-alive connection is closed after SYNCSCRIPT_IDLE_TIMEOUT_MS", async () => {
    const server = await startServerWith({ SYNCSCRIPT_IDLE_TIMEOUT_MS: String(IDLE_MS) });
    const { answer, ms } = await dribble(server.port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.ok(ms >= IDLE_MS / 2, `not too early: ${ms} ms`);
    const client = await connectClient(owner, { transports: ["websocket"] }, server);
    await client.join((await world.vault()).id);
    const polling = await connectClient(owner, { transports: ["polling"] }, server);
    await dribble(server.port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.ok(client.socket.connected && polling.socket.connected, "sockets do not count as idle");
    assert.equal(client.disconnects + polling.disconnects, 0);
  });

  test("a request over SYNCSCRIPT_REQUEST_TIMEOUT_MS gets 503 and frees its resources", async () => {
    const server = await startServerWith({
      SYNCSCRIPT_REQUEST_TIMEOUT_MS: "1000",
      SYNCSCRIPT_DATABASE_CONNECTIONS: "5",
    });
    const vault = await world.vault();
    const lock = world.defer(await world.database.connection(), (connection) => connection.end());
    await lock.query("BEGIN");
    await lock.query("SELECT FROM vaults WHERE id = $1 FOR UPDATE", [vault.id]);
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => owner.at(server).request("POST", `/api/vaults/${vault.id}/sources`, newSource())),
    );
    for (const { status, headers, body } of answers) {
      assert.deepEqual([status, body?.code], [503, "TIMEOUT"]);
      assert.match(headers.get("content-type"), /^application\/problem\+json/);
    }
    await lock.query("ROLLBACK");
    await eventually(() => owner.at(server).tryCreateSource(vault.id), "requests work again");
  });

  test("a request whose body never arrives ends after the timeout", async () => {
    const server = await startServerWith({ SYNCSCRIPT_REQUEST_TIMEOUT_MS: "1000", SYNCSCRIPT_IDLE_TIMEOUT_MS: "1000" });
    const head = [
      "POST /api/vaults HTTP/1.1",
      "Host: x",
      `Cookie: ${owner.cookie}`,
      "Content-Type: application/json",
      "Content-Length: 1000",
    ];
    const { answer } = await dribble(server.port, `${head.join("\r\n")}\r\n\r\n{`);
    assert.match(answer, /^HTTP\/1\.1 (408|503|400) /);
  });
});
