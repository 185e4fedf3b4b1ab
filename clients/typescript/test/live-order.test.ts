// A watch receives every change once and in order (I3).
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./lib/world.js";

test("events arrive in order and as stored, starting with the next one", async (t) => {
  const world = await World.open(t);
  const recorder = world.watch(world.client());
  const live = await recorder.reachStatus("live");
  assert.deepEqual(live, { status: "live", seq: 1, role: "owner" });

  const member = await world.signUp("member");
  const source = await world.owner.createSource(world.vaultId, "First");
  await world.owner.request(200, "PATCH", `/api/sources/${source.id}`, { title: "Second" });
  await world.owner.request(204, "DELETE", `/api/sources/${source.id}`);
  await world.owner.addMember(world.vaultId, member);
  await world.owner.request(200, "PATCH", `/api/vaults/${world.vaultId}/members/${member.id}`, { role: "contributor" });
  await world.owner.removeMember(world.vaultId, member);
  await world.owner.request(200, "PATCH", `/api/vaults/${world.vaultId}`, { name: "Renamed" });
  await recorder.reachSeq(8);

  const stored = await world.database.rows<{ event: object }>(
    "SELECT payload::jsonb || jsonb_build_object('type', type) AS event FROM outbox WHERE seq > 1 ORDER BY seq",
  );
  assert.deepEqual(
    recorder.events,
    stored.map(({ event }) => event),
  );
  assert.deepEqual(recorder.watch.counters, { events: 7, duplicates: 0, gaps: 0, resyncs: 0 });
});

test("events of concurrent writers arrive in the order of the log", async (t) => {
  const world = await World.open(t);
  const recorder = world.watch(world.client(), { after: 0 });
  await Promise.all(Array.from({ length: 6 }, () => world.owner.createSources(world.vaultId, 20)));
  await recorder.reachSeq(121);
  assert.deepEqual(recorder.ids, await world.database.log(world.vaultId));
});

test("one client watches several vaults, each with its own position", async (t) => {
  const world = await World.open(t);
  const other = await world.owner.createVault("Other");
  const client = world.client();
  const [one, two] = [world.watch(client, { after: 0 }), world.watch(client, { after: 1 }, other)];
  assert.throws(() => world.watch(client), /already watched/);
  await world.owner.createSources(world.vaultId, 3);
  await world.owner.createSources(other, 2);
  await Promise.all([one.reachSeq(4), two.reachSeq(3)]);
  assert.deepEqual(
    [one.seqs, two.seqs],
    [
      [1, 2, 3, 4],
      [2, 3],
    ],
  );
  one.watch.close();
  assert.equal(one.watch.state.status, "closed");
  // A new watch on the same connection receives the events in between.
  await world.owner.createSource(world.vaultId);
  const again = world.watch(client, { after: 4 });
  await again.reachSeq(5);
  assert.deepEqual([one.seqs.at(-1), again.seqs], [4, [5]]);
});
