// Database outages: the server reports them, recovers by itself, and sends every committed event.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sqlCreateSource } from "./lib/database.mjs";
import { newSource } from "./lib/rest.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting } from "./lib/writers.mjs";

const KILLS = 8;

/** Asserts a 503 as documented: a problem document with Retry-After. */
function assertUnavailable({ status, headers, body, text }) {
  assert.equal(status, 503, text);
  assert.match(headers.get("retry-after") ?? "(no Retry-After)", /^[1-9]\d*$/);
  assert.match(headers.get("content-type"), /^application\/problem\+json/);
  assert.equal(body.status, 503);
}

/** Opens a vault with three clients, one per transport, which must stay connected throughout the test. */
async function openRoom(t, env = {}) {
  const world = await World.open({ env, users: ["owner"] });
  t.after(() => world.close());
  const vault = await world.vault();
  const clients = await Promise.all(
    [["polling"], ["websocket"], ["polling", "websocket"]].map((transports) =>
      world.member(world.users.owner, vault.id, { transports }),
    ),
  );
  return { world, vault, owner: world.users.owner, clients };
}

/** Asserts that every client stayed connected and received the whole log since it joined. */
async function assertAllReceived({ world, vault, clients }) {
  const head = await world.database.headSeq(vault.id);
  assertContiguous(
    (await world.database.log(vault.id)).map(({ seq }) => seq),
    1,
    head,
    "the log",
  );
  for (const client of clients) {
    await client.awaitSeq(vault.id, head);
    assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, head);
    assert.deepEqual(
      client.received.filter(({ name }) => name === "disconnect"),
      [],
      "stayed connected",
    );
  }
}

async function readiness({ world }) {
  const { status } = await fetch(`${world.server.url}/readyz`);
  assert.ok(status === 200 || status === 503, `readyz: ${status}`);
  return status;
}

test("repeated kills of all Postgres connections under load: 201 or 503, and every committed event arrives", async (t) => {
  const room = await openRoom(t);
  const { world, vault, owner } = room;
  const acknowledged = [];
  const write = async () => {
    const answer = await owner.request("POST", `/api/vaults/${vault.id}/sources`, newSource("During outages"));
    if (answer.status === 201) acknowledged.push(answer.seq);
    else assertUnavailable(answer);
  };
  await whileWriting(8, write, async () => {
    for (let kill = 0; kill < KILLS; kill++) {
      const before = acknowledged.length;
      await eventually(() => acknowledged.length >= before + 10, `writes continue after ${kill} kills`);
      assert.ok((await world.database.terminateBackends()) > 0, "there were connections to kill");
    }
    const before = acknowledged.length;
    await eventually(() => acknowledged.length > before, "writes continue after the last kill");
  });

  await assertAllReceived(room);
  const head = await world.database.headSeq(vault.id);
  assert.equal(new Set(acknowledged).size, acknowledged.length, "no seq was acknowledged twice");
  assert.ok(
    acknowledged.every((seq) => seq > 1 && seq <= head),
    "every acknowledged event is in the log",
  );
  await eventually(async () => (await readiness(room)) === 200, "ready");
});

test("a database that refuses connections: 503 with Retry-After; afterwards the server recovers and sends everything", async (t) => {
  const room = await openRoom(t);
  const { world, vault, owner, clients } = room;
  await eventually(async () => (await readiness(room)) === 200, "ready");
  // Connected, but in no room yet.
  const visitor = await world.subscriber(owner);
  // A writer whose connection survives the outage: the server must not miss its commits.
  const survivor = await world.database.connection();
  world.defer(survivor, (client) => client.end());

  await world.database.allowConnections(false);
  await world.database.terminateBackends(survivor.processID);

  await eventually(async () => (await readiness(room)) === 503, "readyz returns 503");
  assert.equal((await fetch(`${world.server.url}/healthz`)).status, 200, "the process is still healthy");
  assertUnavailable(await owner.request("GET", "/api/vaults"));
  assertUnavailable(await owner.request("GET", `/api/vaults/${vault.id}/sources`));
  assertUnavailable(await owner.request("POST", `/api/vaults/${vault.id}/sources`, newSource("Refused")));

  const join = await visitor.emitWithAck("vault:join", vault.id);
  assert.equal(join.ok, false);
  assert.notEqual(join.message, "Access denied to vault", "an outage is not reported as missing access");
  const newcomer = world.attempt({ cookie: owner.cookie, transports: ["websocket"] });
  const outcome = await newcomer.waitFor(
    ({ name }) => name === "connect" || name === "connect_error",
    "the connection or its rejection",
  );
  assert.equal(outcome.name, "connect_error");
  assert.notEqual(outcome.data, "UNAUTHORIZED", "an outage is not reported as an invalid session");

  for (let i = 0; i < 3; i++) await sqlCreateSource(survivor, { vaultId: vault.id, actorId: owner.user.id });

  await world.database.allowConnections(true);
  await eventually(async () => (await readiness(room)) === 200, "readyz returns 200 again");
  const created = await eventually(() => owner.tryCreateSource(vault.id, "Back"), "mutations work again");
  assert.equal(created.seq, clients[0].joined.seq + 4, "three from the surviving connection, and this one");
  await assertAllReceived(room);
  assert.equal(world.server.child.exitCode, null, "the process did not restart");
});

test("the listener recovers from a kill: without a sweep, another node's events arrive again", async (t) => {
  const env = { SYNCSCRIPT_SWEEP_INTERVAL_MS: "3600000" };
  const room = await openRoom(t, env);
  const { world, vault, owner } = room;
  const other = await world.startServer({ env });
  for (let round = 0; round < 3; round++) {
    await eventually(async () => (await world.database.listeners()) === 2, "both nodes listen");
    const { seq } = await eventually(
      () => owner.at(other).tryCreateSource(vault.id, `Round ${round}`),
      "the other node writes",
    );
    await Promise.all(room.clients.map((client) => client.awaitSeq(vault.id, seq)));
    await world.database.terminateBackends();
  }
  await eventually(async () => (await world.database.listeners()) === 2, "both nodes listen");
  await eventually(() => owner.at(other).tryCreateSource(vault.id, "Last"), "the other node writes");
  await assertAllReceived(room);
});
