// A server that is killed, restarts, or cannot reach its database.
import assert from "node:assert/strict";
import test from "node:test";
import { World } from "./lib/world.js";

test("the client survives repeated SIGKILL and restart on the same port", async (t) => {
  const world = await World.open(t);
  const recorder = world.watch(world.client(), { after: 0 });
  for (let round = 0; round < 3; round++) {
    await world.owner.createSources(world.vaultId, 5);
    await world.server.end("SIGKILL");
    await recorder.reachStatus("reconnecting");
    await world.startServer();
    await world.owner.createSources(world.vaultId, 2);
    await recorder.reachSeq(1 + 7 * (round + 1));
  }
  assert.deepEqual(recorder.ids, await world.database.log(world.vaultId));
});

test("the client reconnects after a graceful shutdown, too", async (t) => {
  const world = await World.open(t);
  const recorder = world.watch(world.client());
  await recorder.reachStatus("live");
  await world.owner.createSource(world.vaultId);
  await world.server.end("SIGTERM");
  await recorder.reachStatus("reconnecting");
  await world.startServer();
  await world.owner.createSource(world.vaultId);
  await recorder.reachSeq(3);
  assert.deepEqual(recorder.ids, await world.database.log(world.vaultId, 1));
});

test("without a database the server rejects with UNAVAILABLE, and the client retries until it is back", async (t) => {
  const world = await World.open(t);
  const proxy = await world.proxy();
  const client = world.client(world.owner, proxy.url);
  const recorder = world.watch(client);
  await recorder.reachStatus("live");
  await world.database.setAvailable(false);
  const refusal = new Promise<string>((resolve) => {
    client.socket.on("connect_error", (error) => {
      if (!client.socket.active) resolve(error.message);
    });
  });
  proxy.cut();
  assert.equal(await refusal, "UNAVAILABLE");
  assert.equal(recorder.watch.state.status, "reconnecting");
  await world.database.setAvailable(true);
  await recorder.reachStatus("live");
  await world.owner.createSource(world.vaultId);
  await recorder.reachSeq(2);
  assert.deepEqual(recorder.seqs, [2]);
});
