// A server that dies, comes back, or cannot reach its database.
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./lib/world.js";

test("SIGKILL and a restart on the same port, again and again", async (t) => {
  const world = await World.open(t);
  const seen = world.watch(world.client(), { after: 0 });
  for (let round = 0; round < 3; round++) {
    await world.owner.createSources(world.vaultId, 5);
    await world.server.end("SIGKILL");
    await seen.status("reconnecting");
    await world.startServer();
    await world.owner.createSources(world.vaultId, 2);
    await seen.upTo(1 + 7 * (round + 1));
  }
  assert.deepEqual(seen.ids, await world.database.log(world.vaultId));
});

test("a server that shuts down in order is awaited too", async (t) => {
  const world = await World.open(t);
  const seen = world.watch(world.client());
  await seen.status("live");
  await world.owner.createSource(world.vaultId);
  await world.server.end("SIGTERM");
  await seen.status("reconnecting");
  await world.startServer();
  await world.owner.createSource(world.vaultId);
  await seen.upTo(3);
  assert.deepEqual(seen.ids, await world.database.log(world.vaultId, 1));
});

test("a database that is away: refused as UNAVAILABLE, and tried again until it is back", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const seen = world.watch(client);
  await seen.status("live");
  await world.database.available(false);
  const refusal = new Promise<string>((resolve) => {
    client.socket.on("connect_error", (error) => {
      if (!client.socket.active) resolve(error.message);
    });
  });
  proxy.cut();
  assert.equal(await refusal, "UNAVAILABLE");
  assert.equal(seen.watch.state.status, "reconnecting");
  await world.database.available(true);
  await seen.status("live");
  await world.owner.createSource(world.vaultId);
  await seen.upTo(2);
  assert.deepEqual(seen.seqs, [2]);
});
