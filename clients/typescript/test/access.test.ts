// The client reports missing, lost and expired access, and then stops retrying.
import assert from "node:assert/strict";
import test from "node:test";
import { LiveVault, VaultClient } from "@syncscript/client";
import { eventually } from "./lib/wait.js";
import { World } from "./lib/world.js";

test("a removed member gets no later event", async (t) => {
  const world = await World.open(t);
  const member = await world.signUp("member");
  await world.owner.addMember(world.vaultId, member);
  const recorder = world.watch(world.client(member));
  assert.equal((await recorder.reachStatus("live")).role, "viewer");
  await world.owner.createSource(world.vaultId);
  await world.owner.removeMember(world.vaultId, member);
  assert.deepEqual(await recorder.reachStatus("removed"), { status: "removed", reason: "membership-revoked" });
  await world.owner.createSource(world.vaultId);
  assert.deepEqual(recorder.seqs, [3]);
  assert.deepEqual(recorder.states.at(-1)?.status, "removed", "the client does not join again");
});

test("a member who is removed while offline is denied access on return", async (t) => {
  const world = await World.open(t);
  const member = await world.signUp("member");
  const proxy = await world.proxy();
  await world.owner.addMember(world.vaultId, member);
  const recorder = world.watch(world.client(member, proxy.url));
  await recorder.reachStatus("live");
  proxy.down();
  await world.owner.removeMember(world.vaultId, member);
  proxy.up();
  assert.equal((await recorder.reachStatus("denied")).code, "ACCESS_DENIED");
});

test("a deleted vault delivers its last event, then ends with the state removed", async (t) => {
  const world = await World.open(t);
  const recorder = world.watch(world.client());
  await recorder.reachStatus("live");
  await world.owner.request(204, "DELETE", `/api/vaults/${world.vaultId}`);
  assert.deepEqual(await recorder.reachStatus("removed"), { status: "removed", reason: "vault-deleted" });
  assert.deepEqual(
    recorder.events.map((event) => event.type),
    ["vault:deleted"],
  );
});

test("a foreign vault, an unknown vault and an invalid id are denied", async (t) => {
  const world = await World.open(t);
  const stranger = await world.signUp("stranger");
  const client = world.client(stranger);
  const states = await Promise.all(
    [world.vaultId, "00000000-0000-4000-8000-000000000000", "not-a-vault-id"].map((vaultId) =>
      world.watch(client, {}, vaultId).reachStatus("denied"),
    ),
  );
  assert.deepEqual(
    states.map(({ code }) => code),
    ["ACCESS_DENIED", "ACCESS_DENIED", "BAD_REQUEST"],
  );
  assert.equal(states[0]?.message, "Access denied to vault");
  // The state is final for the watch, not for the vault.
  await world.owner.addMember(world.vaultId, stranger);
  assert.equal((await world.watch(client).reachStatus("live")).role, "viewer");
});

test("without a session, the state is session-ended", async (t) => {
  const world = await World.open(t);
  const client = world.client(world.owner, world.server.url, { headers: {} });
  const recorder = world.watch(client);
  await recorder.reachStatus("session-ended");
  assert.equal(client.connectionStatus, "session-ended");
});

for (const [how, end] of [
  ["signed out", (world: World) => world.owner.request(204, "POST", "/api/auth/logout")],
  [
    "expired",
    (world: World) => world.database.rows("UPDATE sessions SET created_at = '-infinity', expires_at = now()"),
  ],
] as const) {
  test(`a session that is ${how} ends at the next connect, and a new sign-in continues without loss`, async (t) => {
    const world = await World.open(t);
    const proxy = await world.proxy();
    const headers = { cookie: world.owner.cookie };
    const client = world.client(world.owner, proxy.url, { headers });
    const recorder = world.watch(client);
    await recorder.reachStatus("live");
    await end(world);
    proxy.cut();
    await recorder.reachStatus("session-ended");
    const connections = proxy.connections;

    await world.owner.signIn();
    await world.owner.createSources(world.vaultId, 3);
    assert.equal(proxy.connections, connections, "the client has not retried");
    headers.cookie = world.owner.cookie;
    client.connect();
    await recorder.reachSeq(4);
    assert.deepEqual(recorder.seqs, [2, 3, 4]);
  });
}

test("a live vault also honours REST: denied without access, session-ended without a session", async (t) => {
  const world = await World.open(t);
  const stranger = await world.signUp("stranger");
  const denied = new LiveVault(world.client(stranger), world.vaultId);
  await eventually(() => denied.state.status === "denied", "denied");
  assert.deepEqual([denied.seq, denied.sources.size], [0, 0]);

  // The handshake has a session, but REST requests have none.
  const client = world.client(world.owner, world.server.url, {
    headers: {},
    socket: { extraHeaders: { cookie: world.owner.cookie } },
  });
  const ended = new LiveVault(client, world.vaultId);
  await eventually(() => ended.state.status === "session-ended", "ended");
});

test("a closed client reports its state and rejects new watches", async (t) => {
  const world = await World.open(t);
  const client = world.client();
  const recorder = world.watch(client);
  await recorder.reachStatus("live");
  client.close();
  assert.deepEqual(recorder.states.at(-1), { status: "closed" });
  assert.throws(() => world.watch(client), /closed/);
  client.connect();
  assert.equal(client.connectionStatus, "closed");
  assert.ok(client instanceof VaultClient && client.socket.disconnected);
});
