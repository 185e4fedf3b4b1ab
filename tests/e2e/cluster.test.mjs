// Several servers on one database (decisions 25 and 26), and each wake-up mechanism on its own (I8).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sqlCreateSource } from "./lib/database.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

/** So long that no sweep runs during a test. */
const NO_SWEEP = { SYNCSCRIPT_SWEEP_INTERVAL_MS: "3600000" };
const NO_LISTEN = { SYNCSCRIPT_LISTEN: "false" };

/** Opens two nodes on one database, a vault, and a client in its room on each node. */
async function openCluster(t, envA, envB = envA) {
  const world = await World.open({ env: envA, users: ["owner"] });
  t.after(() => world.close());
  const owner = world.users.owner;
  const other = await world.startServer({ env: envB });
  const vault = await world.vault();
  const onA = await world.member(owner, vault.id);
  const onB = await world.member(owner, vault.id, { server: other });
  return { world, vault, owner, ownerB: owner.at(other), other, onA, onB };
}

/** Writes through both nodes in turn. Each client must receive each event before the next is written. */
async function assertReachesBoth({ vault, owner, ownerB, onA, onB }, rounds = 5) {
  for (let i = 0; i < rounds; i++) {
    for (const writer of [owner, ownerB]) {
      const { seq } = await writer.createSource(vault.id, `Round ${i}`);
      await Promise.all([onA.awaitSeq(vault.id, seq), onB.awaitSeq(vault.id, seq)]);
    }
  }
  for (const client of [onA, onB]) {
    assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, client.joined.seq + 2 * rounds);
  }
}

describe("two servers on one database", () => {
  test("a mutation through either node reaches subscribers on both", async (t) => {
    await assertReachesBoth(await openCluster(t, {}));
  });

  test("a session is valid on both nodes", async (t) => {
    const { ownerB, owner } = await openCluster(t, {});
    assert.deepEqual((await ownerB.expect(200, "GET", "/api/auth/session")).body.user, owner.user);
  });

  test("the wake-up works: with a sweep interval of an hour every event still arrives, also across processes", async (t) => {
    const cluster = await openCluster(t, NO_SWEEP);
    await eventually(async () => (await cluster.world.database.listeners()) === 2, "both nodes listen");
    await assertReachesBoth(cluster);
  });

  test("I8: the sweep works: without LISTEN every event arrives by the sweep", async (t) => {
    const cluster = await openCluster(t, { ...NO_LISTEN, SYNCSCRIPT_SWEEP_INTERVAL_MS: "300" });
    await assertReachesBoth(cluster, 3);
    assert.equal(await cluster.world.database.listeners(), 0, "nobody listens");
  });

  test("I8: with all notifications lost and no sweep, the next wake-up delivers the missed events in order", async (t) => {
    const { world, vault, owner, ownerB, onA, onB } = await openCluster(t, NO_SWEEP, { ...NO_SWEEP, ...NO_LISTEN });
    await eventually(async () => (await world.database.listeners()) === 1, "only one node listens");
    let last;
    for (let i = 0; i < 5; i++) last = await owner.createSource(vault.id);
    await onA.awaitSeq(vault.id, last.seq);
    const wakeUp = await ownerB.createSource(vault.id);
    await onB.awaitSeq(vault.id, wakeUp.seq);
    assertContiguous(onB.seqsOf(vault.id), onB.joined.seq + 1, wakeUp.seq);
  });

  test("an event appended by psql without NOTIFY arrives on both nodes by the sweep", async (t) => {
    const { world, vault, owner, onA, onB } = await openCluster(t, {});
    const actorId = owner.user.id;
    const id = await sqlCreateSource(world.database.pool, { vaultId: vault.id, actorId });
    for (const client of [onA, onB]) {
      const { name, data } = await client.awaitSeq(vault.id, client.joined.seq + 1);
      assert.deepEqual([name, data.source.id, data.actor.userId], ["source:created", id, actorId]);
    }
  });

  test("I3: with writers on both nodes at once, both deliver the same log in order", async (t) => {
    const { world, vault, owner, ownerB, onA, onB } = await openCluster(t, {});
    await Promise.all(Array.from({ length: 12 }, (_, i) => writeSources(i % 2 ? owner : ownerB, vault.id, 9)));
    const head = await world.database.headSeq(vault.id);
    assert.equal(head, 1 + 12 * 9);
    for (const client of [onA, onB]) {
      await client.awaitSeq(vault.id, head);
      assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, head);
    }
  });

  test("a node killed while it writes: the other node sends everything that was committed", async (t) => {
    const { world, vault, owner, other, ownerB, onA } = await openCluster(t, {});
    let created = 0;
    const write = async () => {
      // The kill makes running requests fail. Only that error may be ignored.
      const answer = await ownerB
        .request("POST", `/api/vaults/${vault.id}/sources`, { title: "Doomed", fileUrl: "https://example.test/" })
        .catch(() => null);
      if (answer?.status === 201) created++;
    };
    await whileWriting(4, write, async () => {
      await eventually(() => created >= 10, "writing has started");
      await other.end("SIGKILL");
    });

    await owner.createSource(vault.id, "After the kill");
    const head = await world.database.headSeq(vault.id);
    assert.ok(head > onA.joined.seq + created);
    await onA.awaitSeq(vault.id, head);
    assertContiguous(onA.seqsOf(vault.id), onA.joined.seq + 1, head);
  });
});
