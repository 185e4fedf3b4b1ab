// I6 during catch-up: a client that loses its membership or its vault in the middle of a long backlog.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertMatchesLog } from "./lib/event-record.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RawSocket } from "./lib/raw-clients.mjs";
import { newSource } from "./lib/rest.mjs";
import { World } from "./lib/world.mjs";

let world, owner, viewer;
before(async () => {
  world = await World.open({ users: ["owner", "viewer"] });
  ({ owner, viewer } = world.users);
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

async function connectClient(rest) {
  return world.defer(await BulkSubscriber.connect(world.server.url, rest), (client) => client.close());
}

/** Creates a vault whose log has `count` more events than a new vault. */
async function vaultWith(count, texts = {}) {
  const vault = await world.vault();
  vault.head = await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count, ...texts });
  return vault;
}

describe("I6: access during catch-up", () => {
  // 8000 events of 3 kB exceed all buffers between server and client, so the join cannot have completed.
  const LONG = { count: 8000, texts: { title: "t".repeat(500), fileUrl: `https://example.test/${"u".repeat(2000)}` } };

  /** Connects a client and stops reading in the middle of its catch-up. */
  async function halfway(vaultId) {
    const client = world.defer(await RawSocket.connect(world.server, viewer.cookie), (raw) => raw.destroy());
    client.emit("vault:join", { vaultId, after: 0 });
    await client.until(() => client.lastSeq(vaultId) > 0, "the first event");
    client.stopReading();
    return client;
  }

  const removeViewer = (vaultId) =>
    owner.expect(204, "DELETE", `/api/vaults/${vaultId}/members/${viewer.user.id}`).then(({ seq }) => seq);

  test("removed during catch-up: everything before the removal, then vault:left, and nothing after", async () => {
    const vault = await vaultWith(LONG.count, LONG.texts);
    const client = await halfway(vault.id);
    const removal = await removeViewer(vault.id);
    const hidden = await owner.createSource(vault.id, "Not visible to the removed member");
    client.resumeReading();
    await client.until(() => client.latest["vault:left"], "vault:left");
    assert.deepEqual(client.latest["vault:left"], { vaultId: vault.id, reason: "membership-revoked" });
    // The response to a later request arrives after everything that was sent before.
    client.emit("vault:join", vault.id);
    await client.until(() => client.latest.error, "the rejection");
    assert.equal(client.latest.error.message, "Access denied to vault");
    assert.ok(hidden.seq > removal);
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 1, removal - 1);
    assert.equal(client.latest["vault:joined"], undefined);
  });

  test("the vault deleted during catch-up: vault:deleted, then vault:left", async () => {
    const vault = await vaultWith(LONG.count, LONG.texts);
    const client = await halfway(vault.id);
    const { seq } = await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
    client.resumeReading();
    await client.until(() => client.latest["vault:left"], "vault:left");
    assert.deepEqual(client.latest["vault:left"], { vaultId: vault.id, reason: "vault-deleted" });
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 1, seq);
    assert.equal(client.latest["vault:joined"], undefined);
  });

  test("removed and added again during catch-up: it still ends at the removal, and a new join gets the rest", async () => {
    const vault = await vaultWith(LONG.count, LONG.texts);
    const client = await halfway(vault.id);
    const removal = await removeViewer(vault.id);
    await owner.addMember(vault.id, viewer.user, "viewer");
    const { seq } = await owner.createSource(vault.id);
    client.resumeReading();
    await client.until(() => client.latest["vault:left"] || client.latest["vault:joined"], "the end of the join");
    assert.deepEqual(client.latest["vault:left"], { vaultId: vault.id, reason: "membership-revoked" });
    assert.equal(client.lastSeq(vault.id), removal - 1);
    const again = await connectClient(viewer);
    await again.join(vault.id, removal - 1);
    assert.deepEqual(
      again.eventsOf(vault.id).map((event) => event.seq),
      [removal, removal + 1, seq],
    );
  });

  test("removed and added again earlier in the log: a join from 0 gets all events and goes live", async () => {
    const vault = await vaultWith(3);
    for (let i = 0; i < 2; i++) {
      await removeViewer(vault.id);
      await owner.createSource(vault.id, "While the viewer was not a member");
      await owner.addMember(vault.id, viewer.user, i ? "viewer" : "contributor");
    }
    const client = await connectClient(viewer);
    const joined = await client.join(vault.id, 0);
    assert.equal(joined.role, "viewer");
    const { seq } = await owner.createSource(vault.id);
    await client.until(() => client.lastSeq(vault.id) === seq, "the live event");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 1, seq);
    assert.ok(!client.received.some(({ name }) => name === "vault:left"));
  });

  test("the removal of another member during catch-up is an ordinary event", async () => {
    const other = await world.signUp("bystander");
    const vault = await vaultWith(LONG.count, LONG.texts);
    await owner.addMember(vault.id, other.user, "viewer");
    const client = await halfway(vault.id);
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}/members/${other.user.id}`);
    const { seq } = await owner.expect(201, "POST", `/api/vaults/${vault.id}/sources`, newSource());
    client.resumeReading();
    await client.until(() => client.latest["vault:joined"], "vault:joined");
    await client.until(() => client.lastSeq(vault.id) === seq, "the last event");
    await assertMatchesLog(world.database, vault.id, client.eventsOf(vault.id), 1, seq);
  });
});
