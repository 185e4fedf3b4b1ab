// While the network fails and writers continue, every event arrives once, in order and without a gap (I3, I4).
import assert from "node:assert/strict";
import test from "node:test";
import { VaultClient } from "@syncscript/client";
import { io } from "socket.io-client";
import { connectTimeout } from "../dist/retry-policy.js";
import { eventually, repeatUntilStopped, seededRandom } from "./lib/wait.js";
import { type WatchRecorder, World } from "./lib/world.js";

/** Asserts that the watch received exactly the events after `after`, each once and in order. */
async function assertComplete(world: World, recorder: WatchRecorder, after = 0): Promise<void> {
  await recorder.reachSeq(await world.database.head(world.vaultId));
  assert.deepEqual(recorder.ids, await world.database.log(world.vaultId, after));
  assert.deepEqual(recorder.errors, []);
}

test("random cuts, also in the middle of a frame, lose no event", async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const random = seededRandom(seed);
  const world = await World.open(t);
  const proxy = await world.proxy();
  const recorder = world.watch(world.client(world.owner, proxy.url), { after: 0 });
  await recorder.reachStatus("live");
  const writers = repeatUntilStopped(3, () => world.owner.createSource(world.vaultId));
  while (proxy.connections < 15) {
    // Some cuts happen while the client is still connecting or catching up.
    if (random() < 0.8) await recorder.passSeq(recorder.watch.seq ?? 0);
    if (random() < 0.4) proxy.cut();
    else proxy.cutAfter(1 + Math.floor(random() * 5_000));
    if (random() < 0.2) await world.owner.createSource(world.vaultId);
  }
  await writers.stop();
  proxy.cut();
  await assertComplete(world, recorder);
  t.diagnostic(`${proxy.connections} connections, ${JSON.stringify(recorder.watch.counters)}`);
});

test("long polling survives lost connections, too", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url, { socket: { transports: ["polling"], upgrade: false } });
  const recorder = world.watch(client, { after: 0 });
  await recorder.reachStatus("live");
  for (let i = 0; i < 5; i++) {
    await world.owner.createSources(world.vaultId, 5);
    if (i % 2 === 0) proxy.cut();
    else proxy.cutAfter(500);
  }
  await assertComplete(world, recorder);
});

test("after a long outage with refused attempts, every missed event arrives", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const recorder = world.watch(world.client(world.owner, proxy.url));
  await recorder.reachStatus("live");
  proxy.down();
  await recorder.reachStatus("reconnecting");
  await world.owner.createSources(world.vaultId, 30);
  await recorder.reachStatus("reconnecting");
  assert.deepEqual(recorder.seqs, []);
  proxy.up();
  await assertComplete(world, recorder, 1);
  const attempts = recorder.states.flatMap((state) => (state.status === "reconnecting" ? [state.attempt] : []));
  assert.deepEqual(
    attempts,
    attempts.map((_, i) => i),
    "the loss counts as attempt 0",
  );
});

test("a connection that stalls and resumes loses nothing", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const recorder = world.watch(world.client(world.owner, proxy.url));
  await recorder.reachStatus("live");
  proxy.stall();
  await world.owner.createSources(world.vaultId, 20);
  assert.deepEqual(recorder.seqs, []);
  proxy.resume();
  await assertComplete(world, recorder, 1);
  assert.equal(proxy.connections, 1, "the client did not reconnect");
});

test("after a stalled connection is cut, the events it held arrive again", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const recorder = world.watch(world.client(world.owner, proxy.url));
  await recorder.reachStatus("live");
  proxy.stall();
  await world.owner.createSources(world.vaultId, 20);
  proxy.cut();
  await recorder.reachStatus("reconnecting");
  await world.owner.createSources(world.vaultId, 5);
  proxy.resume();
  await assertComplete(world, recorder, 1);
});

test("after 10 000 missed events, the client is soon live and complete again", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const recorder = world.watch(world.client(world.owner, proxy.url));
  await recorder.reachStatus("live");
  proxy.down();
  // One statement calls the append function directly, because the speed of the writes does not matter here.
  await world.database.rows(
    "SELECT count(*) FROM generate_series(1, 9999) i, sources_create(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY['Source ' || i], '{https://example.test/}', true)",
    [world.vaultId, world.owner.id],
  );
  const restoredAt = performance.now();
  proxy.up();
  await recorder.reachSeq(10_000);
  t.diagnostic(`live after ${Math.round(performance.now() - restoredAt)} ms`);
  await assertComplete(world, recorder, 1);
});

test("an attempt that started during an outage times out quickly", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const recorder = world.watch(client);
  await recorder.reachStatus("live");
  proxy.startBlackhole();
  await eventually(() => proxy.connections >= 2, "an attempt during the outage");
  assert.equal(client.socket.io.timeout(), connectTimeout(1));
  await world.owner.createSources(world.vaultId, 3);
  proxy.endBlackhole();
  // The running attempt ends by its own timeout. The default would be 20 s.
  await recorder.reachSeq(4, 10_000);
  await assertComplete(world, recorder, 1);
});

test("the client works with the application's own socket", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const socket = io(proxy.url, { extraHeaders: { cookie: world.owner.cookie }, reconnectionDelay: 50 });
  const client = new VaultClient(socket, { baseUrl: proxy.url, headers: { cookie: world.owner.cookie } });
  t.after(() => socket.disconnect());
  const recorder = world.watch(client);
  await recorder.reachStatus("live");
  proxy.cut();
  await world.owner.createSource(world.vaultId);
  await assertComplete(world, recorder, 1);
  assert.equal((await client.rest.snapshot(world.vaultId)).seq, 2);
  client.close();
  assert.equal(socket.connected, true);
});
