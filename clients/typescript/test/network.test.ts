// A network that fails while writers go on: every event once, in order, no hole (I3, I4).
import assert from "node:assert/strict";
import test from "node:test";
import { VaultClient } from "@syncscript/client";
import { io } from "socket.io-client";
import { connectPatience } from "../dist/backoff.js";
import { eventually, keepBusy, randomFrom } from "./lib/wait.js";
import { type Seen, World } from "./lib/world.js";

/** Every event of the log after `after`, once, in order; nothing else. */
async function assertComplete(world: World, seen: Seen, after = 0): Promise<void> {
  await seen.upTo(await world.database.head(world.vaultId));
  assert.deepEqual(seen.ids, await world.database.log(world.vaultId, after));
  assert.deepEqual(seen.errors, []);
}

test("connections cut at random, also in mid-frame", async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`SEED=${seed}`);
  const random = randomFrom(seed);
  const world = await World.open(t);
  const proxy = await world.proxy();
  const seen = world.watch(world.client(world.owner, proxy.url), { after: 0 });
  await seen.status("live");
  const writers = keepBusy(3, () => world.owner.createSource(world.vaultId));
  while (proxy.connections < 15) {
    // Some cuts come while the client is still catching up from the one before, or connecting.
    if (random() < 0.8) await seen.past(seen.watch.seq ?? 0);
    if (random() < 0.4) proxy.cut();
    else proxy.cutAfter(1 + Math.floor(random() * 5_000));
    if (random() < 0.2) await world.owner.createSource(world.vaultId);
  }
  await writers.stop();
  proxy.cut();
  await assertComplete(world, seen);
  t.diagnostic(`${proxy.connections} connections, ${JSON.stringify(seen.watch.counters)}`);
});

test("over long polling too", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url, { socket: { transports: ["polling"], upgrade: false } });
  const seen = world.watch(client, { after: 0 });
  await seen.status("live");
  for (let i = 0; i < 5; i++) {
    await world.owner.createSources(world.vaultId, 5);
    if (i % 2 === 0) proxy.cut();
    else proxy.cutAfter(500);
  }
  await assertComplete(world, seen);
});

test("a long outage: attempts are refused, then everything missed comes", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const seen = world.watch(world.client(world.owner, proxy.url));
  await seen.status("live");
  proxy.down();
  await seen.status("reconnecting");
  await world.owner.createSources(world.vaultId, 30);
  await seen.status("reconnecting");
  assert.deepEqual(seen.seqs, []);
  proxy.up();
  await assertComplete(world, seen, 1);
  const attempts = seen.states.flatMap((state) => (state.status === "reconnecting" ? [state.attempt] : []));
  assert.deepEqual(
    attempts,
    attempts.map((_, i) => i),
    "attempts are counted from 0, the loss",
  );
});

test("a connection that stalls and flows again loses nothing", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const seen = world.watch(world.client(world.owner, proxy.url));
  await seen.status("live");
  proxy.stall();
  await world.owner.createSources(world.vaultId, 20);
  assert.deepEqual(seen.seqs, []);
  proxy.flow();
  await assertComplete(world, seen, 1);
  assert.equal(proxy.connections, 1, "it never was a matter of connecting again");
});

test("a connection that stalls and is cut loses what it held, and gets it again", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const seen = world.watch(world.client(world.owner, proxy.url));
  await seen.status("live");
  proxy.stall();
  await world.owner.createSources(world.vaultId, 20);
  proxy.cut();
  await seen.status("reconnecting");
  await world.owner.createSources(world.vaultId, 5);
  proxy.flow();
  await assertComplete(world, seen, 1);
});

test("live again, complete, soon after the network is back, with 10 000 events missed", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const seen = world.watch(world.client(world.owner, proxy.url));
  await seen.status("live");
  proxy.down();
  // The append itself, in one statement: this is not about how fast they are written.
  await world.database.rows(
    "SELECT count(*) FROM generate_series(1, 9999) i, sources_create(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY['Source ' || i], '{https://example.test/}', true)",
    [world.vaultId, world.owner.id],
  );
  const backAt = performance.now();
  proxy.up();
  await seen.upTo(10_000);
  t.diagnostic(`live after ${Math.round(performance.now() - backAt)} ms`);
  await assertComplete(world, seen, 1);
});

test("attempts that lead nowhere are given up, so that one begun in the dark does not last", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const seen = world.watch(client);
  await seen.status("live");
  proxy.dark();
  await eventually(() => proxy.connections >= 2, "an attempt in the dark");
  assert.equal(client.socket.io.timeout(), connectPatience(1));
  await world.owner.createSources(world.vaultId, 3);
  proxy.light();
  // The attempt under way ends by its own timeout, which by default would be 20 s.
  await seen.upTo(4, 10_000);
  await assertComplete(world, seen, 1);
});

test("a socket of the application's own", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const socket = io(proxy.url, { extraHeaders: { cookie: world.owner.cookie }, reconnectionDelay: 50 });
  const client = new VaultClient(socket, { baseUrl: proxy.url, headers: { cookie: world.owner.cookie } });
  t.after(() => socket.disconnect());
  const seen = world.watch(client);
  await seen.status("live");
  proxy.cut();
  await world.owner.createSource(world.vaultId);
  await assertComplete(world, seen, 1);
  assert.equal((await client.rest.snapshot(world.vaultId)).seq, 2);
  client.close();
  assert.equal(socket.connected, true);
});
