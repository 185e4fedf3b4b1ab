// Who may not listen, or not any more, is told so, and the client does not go on asking.
import assert from "node:assert/strict";
import test from "node:test";
import { LiveVault, VaultClient } from "@syncscript/client";
import { eventually } from "./lib/wait.js";
import { World } from "./lib/world.js";

test("a removed member hears nothing after the removal", async (t) => {
  const world = await World.open(t);
  const member = await world.signUp("member");
  await world.owner.addMember(world.vaultId, member);
  const seen = world.watch(world.client(member));
  assert.equal((await seen.status("live")).role, "viewer");
  await world.owner.createSource(world.vaultId);
  await world.owner.removeMember(world.vaultId, member);
  assert.deepEqual(await seen.status("removed"), { status: "removed", reason: "membership-revoked" });
  await world.owner.createSource(world.vaultId);
  assert.deepEqual(seen.seqs, [3]);
  assert.deepEqual(seen.states.at(-1)?.status, "removed", "and it does not join again");
});

test("removed while away: the vault is denied", async (t) => {
  const world = await World.open(t);
  const member = await world.signUp("member");
  const proxy = await world.proxy();
  await world.owner.addMember(world.vaultId, member);
  const seen = world.watch(world.client(member, proxy.url));
  await seen.status("live");
  proxy.down();
  await world.owner.removeMember(world.vaultId, member);
  proxy.up();
  assert.equal((await seen.status("denied")).code, "ACCESS_DENIED");
});

test("a deleted vault: its last event, then removed", async (t) => {
  const world = await World.open(t);
  const seen = world.watch(world.client());
  await seen.status("live");
  await world.owner.ask(204, "DELETE", `/api/vaults/${world.vaultId}`);
  assert.deepEqual(await seen.status("removed"), { status: "removed", reason: "vault-deleted" });
  assert.deepEqual(
    seen.events.map((event) => event.type),
    ["vault:deleted"],
  );
});

test("a vault of others, an unknown one, and one that is none", async (t) => {
  const world = await World.open(t);
  const stranger = await world.signUp("stranger");
  const client = world.client(stranger);
  const states = await Promise.all(
    [world.vaultId, "00000000-0000-4000-8000-000000000000", "no-vault"].map((vaultId) =>
      world.watch(client, {}, vaultId).status("denied"),
    ),
  );
  assert.deepEqual(
    states.map(({ code }) => code),
    ["ACCESS_DENIED", "ACCESS_DENIED", "BAD_REQUEST"],
  );
  assert.equal(states[0]?.message, "Access denied to vault");
  // Denied is final for the watch, not for the vault.
  await world.owner.addMember(world.vaultId, stranger);
  assert.equal((await world.watch(client).status("live")).role, "viewer");
});

test("no session at all", async (t) => {
  const world = await World.open(t);
  const client = world.client(world.owner, world.server.url, { headers: {} });
  const seen = world.watch(client);
  await seen.status("session-ended");
  assert.equal(client.phase, "ended");
});

for (const [how, end] of [
  ["signed out", (world: World) => world.owner.ask(204, "POST", "/api/auth/logout")],
  [
    "expired",
    (world: World) => world.database.rows("UPDATE sessions SET created_at = '-infinity', expires_at = now()"),
  ],
] as const) {
  test(`a session that is ${how}: the end at the next connect, and on after a new sign-in without loss`, async (t) => {
    const world = await World.open(t);
    const proxy = await world.proxy();
    const headers = { cookie: world.owner.cookie };
    const client = world.client(world.owner, proxy.url, { headers });
    const seen = world.watch(client);
    await seen.status("live");
    await end(world);
    proxy.cut();
    await seen.status("session-ended");
    const connections = proxy.connections;

    await world.owner.signIn();
    await world.owner.createSources(world.vaultId, 3);
    assert.equal(proxy.connections, connections, "it has not tried again");
    headers.cookie = world.owner.cookie;
    client.connect();
    await seen.upTo(4);
    assert.deepEqual(seen.seqs, [2, 3, 4]);
  });
}

test("a live vault is denied or ended by what REST says, too", async (t) => {
  const world = await World.open(t);
  const stranger = await world.signUp("stranger");
  const denied = new LiveVault(world.client(stranger), world.vaultId);
  await eventually(() => denied.state.status === "denied", "denied");
  assert.deepEqual([denied.seq, denied.sources.size], [0, 0]);

  // The handshake has a session and REST has none.
  const client = world.client(world.owner, world.server.url, {
    headers: {},
    socket: { extraHeaders: { cookie: world.owner.cookie } },
  });
  const ended = new LiveVault(client, world.vaultId);
  await eventually(() => ended.state.status === "session-ended", "ended");
});

test("a closed client says so, and watches no more", async (t) => {
  const world = await World.open(t);
  const client = world.client();
  const seen = world.watch(client);
  await seen.status("live");
  client.close();
  assert.deepEqual(seen.states.at(-1), { status: "closed" });
  assert.throws(() => world.watch(client), /closed/);
  client.connect();
  assert.equal(client.phase, "closed");
  assert.ok(client instanceof VaultClient && client.socket.disconnected);
});
