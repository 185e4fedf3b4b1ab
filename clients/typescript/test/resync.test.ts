// Where the log cannot be continued, the vault is read anew, and nothing is missing after that (I4).
import assert from "node:assert/strict";
import test from "node:test";
import type { Snapshot, VaultClient } from "@syncscript/client";
import { emptyView, fold, type VaultView, viewOf } from "@syncscript/client";
import { type Seen, World } from "./lib/world.js";

/** What the application would have: the last snapshot, and the events since. */
function reloading(seen: Seen, client: VaultClient): () => VaultView {
  let loaded: Snapshot | undefined;
  let since = 0;
  seen.reload = async ({ signal }) => {
    loaded = await client.rest.snapshot(seen.watch.vaultId, signal);
    since = seen.events.length;
    return loaded.seq;
  };
  return () => fold(loaded ? viewOf(loaded) : emptyView(), seen.events.slice(since));
}

async function assertEqualsTables(world: World, view: VaultView): Promise<void> {
  const sorted = (rows: Iterable<[string, unknown]>) =>
    [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
  const tables = await world.database.tables(world.vaultId);
  assert.deepEqual({ sources: sorted(view.sources), members: sorted(view.members) }, tables);
}

test("a backlog over the limit: reload, then on without a hole", async (t) => {
  const world = await World.open(t, { SYNCSCRIPT_BACKLOG_LIMIT: "5" });
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const seen = world.watch(client);
  const view = reloading(seen, client);
  await seen.status("live");
  proxy.down();
  await world.owner.createSources(world.vaultId, 12);
  proxy.up();
  await seen.upTo(13);
  assert.deepEqual(
    [seen.watch.counters.resyncs, seen.reloads.map(({ seq }) => seq), seen.seqs],
    [1, [13], []],
    "one reload, asked for at the head, and no event of what it contained",
  );
  await world.owner.createSources(world.vaultId, 2);
  await seen.upTo(15);
  assert.deepEqual(seen.seqs, [14, 15]);
  await assertEqualsTables(world, view());
});

test("written to while it reloads: what comes in between is brought by the join that follows", async (t) => {
  const world = await World.open(t, { SYNCSCRIPT_BACKLOG_LIMIT: "5" });
  await world.owner.createSources(world.vaultId, 10);
  const client = world.client();
  const seen = world.watch(client, { after: 0 });
  const view = reloading(seen, client);
  const load = seen.reload;
  seen.reload = async (request) => {
    const seq = await load(request);
    // The socket is in the room already, and hears these live.
    await world.owner.createSources(world.vaultId, 3);
    return seq;
  };
  await seen.upTo(14);
  assert.deepEqual(seen.seqs, [12, 13, 14]);
  assert.deepEqual(seen.watch.counters.gaps, 0, "that is no gap");
  await assertEqualsTables(world, view());
});

test("a position above the head, as after a restored backup: reload, and on from there", async (t) => {
  const world = await World.open(t);
  await world.owner.createSource(world.vaultId);
  const client = world.client();
  const seen = world.watch(client, { after: 1_000 });
  const view = reloading(seen, client);
  await seen.upTo(2);
  assert.equal(seen.watch.seq, 2, "the position goes back");
  await world.owner.createSource(world.vaultId);
  await seen.upTo(3);
  assert.deepEqual([seen.seqs, seen.watch.counters.resyncs], [[3], 1]);
  await assertEqualsTables(world, view());
});

test("a reload that fails is tried again, also across a lost connection", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const seen = world.watch(client, { loadFirst: true });
  const view = reloading(seen, client);
  const load = seen.reload;
  const failures = [
    () => Promise.reject(new Error("no reason")),
    () => {
      throw new Error("thrown at once");
    },
    () => Promise.resolve(-1),
    () => {
      proxy.cut();
      return Promise.reject(new Error("cut"));
    },
  ];
  seen.reload = (request) => (failures.shift() ?? load)(request);
  await seen.upTo(1);
  assert.equal(seen.errors.length, 4);
  assert.equal(seen.watch.counters.resyncs, 0, "the first load is none");
  await assertEqualsTables(world, view());
});
