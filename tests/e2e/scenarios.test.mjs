// The three quickstart scenarios, step by step, with the demo accounts of `seed-demo`.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DEMO_ROLES, demoLogins, seedDemo } from "./lib/demo.mjs";
import { newSource } from "./lib/rest.mjs";
import { World } from "./lib/world.mjs";

/** The promised time between a change and its arrival at every member, in milliseconds. */
const WITHIN_MS = 1000;

describe("quickstart scenarios", () => {
  let world, users, vaultId;

  before(async () => {
    world = await World.open({ users: [] });
    const { logins } = await seedDemo(world.database);
    users = await demoLogins(world.server, logins);
    const { body } = await users.owner.expect(200, "GET", "/api/vaults");
    vaultId = body.vaults[0].id;
  });
  after(() => world?.close());

  /** Connects the three demo users and joins the vault's room. */
  async function joinEveryone() {
    const clients = await Promise.all(DEMO_ROLES.map((role) => world.member(users[role], vaultId)));
    return Object.fromEntries(DEMO_ROLES.map((role, i) => [role, clients[i]]));
  }

  test("Scenario 1: Real-Time Source Notification", async () => {
    const clients = await joinEveryone();
    for (const role of DEMO_ROLES) {
      assert.equal(clients[role].joined.vaultId, vaultId);
      assert.equal(clients[role].joined.role, role);
    }

    const created = await users.owner.createSource(vaultId, "Attention Is All You Need");
    const answeredAt = performance.now();

    for (const role of ["contributor", "owner", "viewer"]) {
      const { name, data, at } = await clients[role].awaitSeq(vaultId, created.seq);
      assert.equal(name, "source:created");
      assert.equal(data.source.id, created.id);
      assert.equal(data.source.title, "Attention Is All You Need");
      assert.ok(at - answeredAt < WITHIN_MS, `${role} received it after ${at - answeredAt} ms`);
    }
  });

  test("Scenario 1 with three clients: everyone receives every source with its author", async () => {
    const clients = await joinEveryone();
    const from = Object.fromEntries(DEMO_ROLES.map((role) => [role, clients[role].joined.seq]));
    const added = await Promise.all(
      ["owner", "contributor", "owner", "contributor"].map(async (role, i) => ({
        role,
        source: await users[role].createSource(vaultId, `At once ${i}`),
      })),
    );
    const last = Math.max(...added.map(({ source }) => source.seq));

    for (const role of DEMO_ROLES) {
      await clients[role].awaitSeq(vaultId, last);
      const events = clients[role].eventsOf(vaultId).filter(({ data }) => data.seq > from[role] && data.seq <= last);
      const received = events.map(({ data }) => [data.seq, data.source.title, data.actor.role, data.actor.userId]);
      const expected = added.map(({ role, source }) => [source.seq, source.title, role, users[role].user.id]);
      assert.deepEqual(
        received,
        expected.sort((a, b) => a[0] - b[0]),
        `the events of the ${role}`,
      );
    }
  });

  test("Scenario 2: Session-Based Authentication", async () => {
    const stranger = world.attempt({});
    const rejection = await stranger.waitFor(
      ({ name }) => name === "connect_error" || name === "connect",
      "the connection or its rejection",
    );
    assert.equal(rejection.name, "connect_error");
    assert.equal(rejection.data, "UNAUTHORIZED");
    assert.equal(stranger.socket.connected, false);

    const viewer = await world.subscriber(users.viewer);
    assert.equal(viewer.socket.connected, true);

    const foreign = await users.owner.createVault("Not the viewer's");
    const error = await viewer.emitForError("vault:join", foreign.id);
    assert.equal(error.message, "Access denied to vault");
  });

  test("Scenario 3: Role-Based Event Authorization", async () => {
    const viewer = await world.member(users.viewer, vaultId);
    assert.equal(viewer.joined.role, "viewer");

    const error = await viewer.emitForError("source:created", { vaultId, ...newSource("Smuggled in") });
    assert.equal(error.message, "Insufficient permissions");

    const created = await users.owner.createSource(vaultId, "The owner's");
    assert.equal(created.seq, viewer.joined.seq + 1, "the rejected attempt wrote no event");
    const { name, data } = await viewer.awaitSeq(vaultId, created.seq);
    assert.equal(name, "source:created");
    assert.equal(data.source.title, "The owner's");
    assert.deepEqual(viewer.seqsOf(vaultId), [created.seq]);

    const { body } = await users.owner.expect(200, "GET", `/api/vaults/${vaultId}/sources`);
    assert.ok(body.sources.some(({ title }) => title === "The owner's"));
    assert.ok(!body.sources.some(({ title }) => title === "Smuggled in"));
  });
});
