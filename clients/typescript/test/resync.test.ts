// When the log cannot be continued, the vault is loaded again, and no later event is missing (I4).
import assert from "node:assert/strict";
import test from "node:test";
import type { Snapshot, VaultClient } from "@syncscript/client";
import { emptyView, fold, type VaultView, viewFromSnapshot } from "@syncscript/client";
import { type WatchRecorder, World } from "./lib/world.js";

/** Makes `recorder` reload over REST. Returns the application's view: the last snapshot plus the later events. */
function reloadOverRest(recorder: WatchRecorder, client: VaultClient): () => VaultView {
  let loaded: Snapshot | undefined;
  let since = 0;
  recorder.reload = async ({ signal }) => {
    loaded = await client.rest.snapshot(recorder.watch.vaultId, signal);
    since = recorder.events.length;
    return loaded.seq;
  };
  return () => fold(loaded ? viewFromSnapshot(loaded) : emptyView(), recorder.events.slice(since));
}

async function assertEqualsTables(world: World, view: VaultView): Promise<void> {
  const sorted = (rows: Iterable<[string, unknown]>) =>
    [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const tables = await world.database.tables(world.vaultId);
  assert.deepEqual({ sources: sorted(view.sources), members: sorted(view.members) }, tables);
}

test("a backlog over the limit leads to a reload, then events continue without a gap", async (t) => {
  const world = await World.open(t, { SYNCSCRIPT_BACKLOG_LIMIT: "5" });
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const recorder = world.watch(client);
  const view = reloadOverRest(recorder, client);
  await recorder.reachStatus("live");
  proxy.down();
  await world.owner.createSources(world.vaultId, 12);
  proxy.up();
  await recorder.reachSeq(13);
  assert.deepEqual(
    [recorder.watch.counters.resyncs, recorder.reloads.map(({ seq }) => seq), recorder.seqs],
    [1, [13], []],
    "one reload, requested at the head, and no event that the snapshot contains",
  );
  await world.owner.createSources(world.vaultId, 2);
  await recorder.reachSeq(15);
  assert.deepEqual(recorder.seqs, [14, 15]);
  await assertEqualsTables(world, view());
});

test("the join after a reload delivers the events written during the reload", async (t) => {
  const world = await World.open(t, { SYNCSCRIPT_BACKLOG_LIMIT: "5" });
  await world.owner.createSources(world.vaultId, 10);
  const client = world.client();
  const recorder = world.watch(client, { after: 0 });
  const view = reloadOverRest(recorder, client);
  const load = recorder.reload;
  recorder.reload = async (request) => {
    const seq = await load(request);
    // The socket is already in the room and receives these events live.
    await world.owner.createSources(world.vaultId, 3);
    return seq;
  };
  await recorder.reachSeq(14);
  assert.deepEqual(recorder.seqs, [12, 13, 14]);
  assert.deepEqual(recorder.watch.counters.gaps, 0, "events during the reload are not a gap");
  await assertEqualsTables(world, view());
});

test("a position above the head, as after a restored backup, leads to a reload", async (t) => {
  const world = await World.open(t);
  await world.owner.createSource(world.vaultId);
  const client = world.client();
  const recorder = world.watch(client, { after: 1_000 });
  const view = reloadOverRest(recorder, client);
  await recorder.reachSeq(2);
  assert.equal(recorder.watch.seq, 2, "the position moves back");
  await world.owner.createSource(world.vaultId);
  await recorder.reachSeq(3);
  assert.deepEqual([recorder.seqs, recorder.watch.counters.resyncs], [[3], 1]);
  await assertEqualsTables(world, view());
});

test("a failed reload is retried, also across a lost connection", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const recorder = world.watch(client, { loadFirst: true });
  const view = reloadOverRest(recorder, client);
  const load = recorder.reload;
  const failures = [
    () => Promise.reject(new Error("rejected")),
    () => {
      throw new Error("thrown synchronously");
    },
    () => Promise.resolve(-1),
    () => {
      proxy.cut();
      return Promise.reject(new Error("cut"));
    },
  ];
  recorder.reload = (request) => (failures.shift() ?? load)(request);
  await recorder.reachSeq(1);
  assert.equal(recorder.errors.length, 4);
  assert.equal(recorder.watch.counters.resyncs, 0, "the first load is not a resync");
  await assertEqualsTables(world, view());
});
