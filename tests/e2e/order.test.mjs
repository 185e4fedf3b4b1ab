// I2 and I3 under load: a gapless log in commit order, and subscribers that receive exactly this log.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { sqlCreateSource } from "./lib/database.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

const VAULTS = 4;
const WRITERS = 32;
const STEPS = 9;

/** Asserts that the log is 1..head without a gap (I2), and returns it. */
async function assertGapless(world, vaultId) {
  const log = await world.database.log(vaultId);
  assertContiguous(
    log.map(({ seq }) => seq),
    1,
    await world.database.headSeq(vaultId),
    `log of ${vaultId}`,
  );
  return log;
}

/** Asserts that a client received exactly the log from its join point on, in order, each event once (I3). */
function assertReceivedLog(client, vaultId, from, log) {
  const seen = client.eventsOf(vaultId).map(({ name, data }) => [name, data.seq, data.eventId]);
  assert.deepEqual(
    seen,
    log.slice(from).map(({ type, seq, event_id: id }) => [type, seq, id]),
  );
}

test("I2, I3: 32 writers on 4 vaults, with rollbacks: no gap, and each subscriber receives exactly the log", async (t) => {
  const world = await World.open({ users: ["owner", "contributor", "viewer"] });
  t.after(() => world.close());
  const { owner, contributor, viewer } = world.users;
  const vaults = await Promise.all(Array.from({ length: VAULTS }, (_, i) => world.vault(`Vault ${i}`)));
  const early = await Promise.all(
    vaults.flatMap(({ id }) =>
      [["polling"], ["websocket"], ["polling", "websocket"]].map((transports) =>
        world.member(viewer, id, { transports }),
      ),
    ),
  );

  // Appends by SQL: one that is rolled back while other writers wait for the vault's lock, then one that is committed.
  let rolledBack = 0;
  let committed = 0;
  const appendBySql = async (i) => {
    const client = await world.database.connection();
    try {
      await client.query("BEGIN");
      await sqlCreateSource(client, { vaultId: vaults[i].id, actorId: owner.user.id, title: "rolled back" });
      await client.query("SELECT pg_sleep(0.01)");
      await client.query("ROLLBACK");
      rolledBack++;
      await client.query("BEGIN");
      await sqlCreateSource(client, { vaultId: vaults[i].id, actorId: owner.user.id });
      await client.query("COMMIT");
      committed++;
    } finally {
      await client.end();
    }
  };
  const answered = vaults.map(() => []);
  const late = [];
  await whileWriting(VAULTS, appendBySql, async () => {
    const writers = Array.from({ length: WRITERS }, (_, i) =>
      writeSources(i % 8 < 4 ? owner : contributor, vaults[i % VAULTS].id, STEPS, ({ seq }) =>
        answered[i % VAULTS].push(seq),
      ),
    );
    // One more client joins each vault during the load.
    const joining = vaults.map(({ id }) => world.member(viewer, id, { transports: ["websocket"] }));
    late.push(...(await Promise.all(joining)));
    await Promise.all(writers);
  });

  assert.ok(rolledBack >= VAULTS, `${rolledBack} rollbacks`);
  let total = 0;
  for (const [i, { id }] of vaults.entries()) {
    const log = await assertGapless(world, id);
    total += log.length;
    assert.equal(new Set(answered[i]).size, answered[i].length, "no seq was assigned twice");
    assert.ok(
      answered[i].every((seq) => seq >= 1 && seq <= log.length),
      "every acknowledged mutation is in the log",
    );
    for (const client of [...early.slice(3 * i, 3 * i + 3), late[i]]) {
      await client.awaitSeq(id, log.length);
      assertReceivedLog(client, id, client.joined.seq, log);
    }
  }
  // Each log starts with vault:created and two member:added events.
  assert.equal(total, VAULTS * 3 + WRITERS * STEPS + committed, "no log has a rolled-back event");
  const rolledBackSources = await world.database.rows("SELECT id FROM sources WHERE title = 'rolled back'");
  assert.deepEqual(rolledBackSources, []);
});

/** A client's stays in the room: the seqs received before the join, the seq of the join, and the seqs received after it. */
function staysOf(client) {
  const stays = [];
  let current = { before: [], inside: null };
  for (const { name, data } of client.received) {
    if (name === "vault:joined") current = { ...current, joinedAt: data.seq, inside: [] };
    else if (name === "vault:left") {
      stays.push(current);
      current = { before: [], inside: null };
    } else if (data?.eventId) (current.inside ?? current.before).push(data.seq);
  }
  return stays;
}

test("I3: the first event after a join is never missed while writers are busy", async (t) => {
  const world = await World.open({ users: ["owner"] });
  t.after(() => world.close());
  const { owner } = world.users;
  const vault = await world.vault();
  const clients = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      world.subscriber(owner, { transports: i % 4 === 0 ? ["polling"] : ["websocket"] }),
    ),
  );

  const ROUNDS = 10;
  const joinAndLeave = async (client) => {
    for (let round = 0; round < ROUNDS; round++) {
      const { seq } = await client.join(vault.id);
      await client.awaitSeq(vault.id, seq + 3);
      await client.leave(vault.id);
    }
  };
  const write = () => writeSources(owner, vault.id, 3);
  await whileWriting(8, write, () => Promise.all(clients.map(joinAndLeave)));

  const stays = clients.flatMap((client, i) => staysOf(client).map((stay) => ({ ...stay, what: `client ${i}` })));
  await t.test("the events after every join start right after it and are contiguous", () => {
    assert.equal(stays.length, clients.length * ROUNDS);
    for (const { joinedAt, inside, what } of stays) {
      assert.ok(inside.length >= 3, `${what}: events after joining at ${joinedAt}`);
      assertContiguous(inside, joinedAt + 1, joinedAt + inside.length, `${what}, joined at ${joinedAt}`);
    }
  });
  await t.test("without `after`, no event comes before vault:joined, and none after vault:left", () => {
    for (const { joinedAt, before, what } of stays) assert.deepEqual(before, [], `${what}, joined at ${joinedAt}`);
  });
  await assertGapless(world, vault.id);
});

test("I2: rejected appends leave no gap", async (t) => {
  const world = await World.open({ users: ["owner", "viewer", "outsider"] });
  t.after(() => world.close());
  const { owner, viewer, outsider } = world.users;
  const vault = await world.vault();
  const client = await world.member(owner, vault.id);
  const pool = world.database.pool;

  const append = (actorId, vaultId = vault.id) => sqlCreateSource(pool, { vaultId, actorId });
  await assert.rejects(append(viewer.user.id), { code: "SY403" });
  await assert.rejects(append(outsider.user.id), { code: "SY404" });
  await assert.rejects(append(owner.user.id, randomUUID()), { code: "SY404" });
  await owner.expect(409, "DELETE", `/api/vaults/${vault.id}/members/${owner.user.id}`);
  const { seq } = await owner.createSource(vault.id);
  assert.equal(seq, client.joined.seq + 1);
  await client.awaitSeq(vault.id, seq);
  assertReceivedLog(client, vault.id, client.joined.seq, await assertGapless(world, vault.id));
});
