// `syncscript seed-demo`: three logins, one vault with each role, and a few sources. A second run changes nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "./lib/database.mjs";
import { DEMO_ROLES, demoEmail, demoLogins, seedDemo } from "./lib/demo.mjs";
import { newSource } from "./lib/rest.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { World } from "./lib/world.mjs";

/** Every row of the seeded tables. Sessions are left out, because logins create them. */
async function readTables(database) {
  const tables = ["users", "vaults", "vault_users", "sources", "outbox"];
  const rows = await Promise.all(
    tables.map((table) => database.rows(`SELECT t::text AS row FROM ${table} t ORDER BY 1`)),
  );
  return Object.fromEntries(tables.map((table, i) => [table, rows[i].map(({ row }) => row)]));
}

test("seed-demo works on an empty database, and a second run changes nothing and prints the same logins", async (t) => {
  const database = await Database.create();
  t.after(() => database.drop());
  const first = await seedDemo(database);
  const before = await readTables(database);
  assert.equal(before.users.length, 3);
  assert.equal(before.vaults.length, 1);
  assert.equal(before.vault_users.length, 3);
  assert.ok(before.sources.length >= 2, `a few sources: ${before.sources.length}`);

  const second = await seedDemo(database);
  assert.deepEqual(second.logins, first.logins);
  assert.deepEqual(await readTables(database), before);
});

test("the printed logins work, each with its role", async (t) => {
  const world = await World.open({ users: [] });
  t.after(() => world.close());
  const { logins } = await seedDemo(world.database);
  const users = await demoLogins(world.server, logins);

  for (const role of DEMO_ROLES) {
    assert.equal(users[role].user.email, demoEmail(role));
    const { vaults } = (await users[role].expect(200, "GET", "/api/vaults")).body;
    assert.deepEqual(
      vaults.map((vault) => vault.role),
      [role],
    );
    const { sources, seq } = (await users[role].expect(200, "GET", `/api/vaults/${vaults[0].id}/sources`)).body;
    assert.ok(sources.length >= 2);
    // The demo uses the normal append functions, so its log is complete.
    const { events, headSeq } = (await users[role].expect(200, "GET", `/api/vaults/${vaults[0].id}/events`)).body;
    assertContiguous(
      events.map((event) => event.seq),
      1,
      headSeq,
    );
    assert.equal(seq, headSeq);
    assert.equal(events.filter(({ type }) => type === "source:created").length, sources.length);

    const member = await world.member(users[role], vaults[0].id);
    assert.deepEqual(member.joined, { vaultId: vaults[0].id, role, seq: headSeq });
    await users[role].expect(
      role === "viewer" ? 403 : 201,
      "POST",
      `/api/vaults/${vaults[0].id}/sources`,
      newSource("Mine"),
    );
  }
});

test("seeding a running system: the demo vault can be joined immediately, and a wrong password is rejected", async (t) => {
  const world = await World.open({ users: [] });
  t.after(() => world.close());
  const { logins } = await seedDemo(world.database);
  const { owner } = await demoLogins(world.server, logins);
  const [vault] = (await owner.expect(200, "GET", "/api/vaults")).body.vaults;
  const client = await world.member(owner, vault.id);
  const { seq } = await owner.createSource(vault.id);
  await client.awaitSeq(vault.id, seq);
  await owner.expect(401, "POST", "/api/auth/login", {
    email: demoEmail("owner"),
    password: `${logins.owner.password}x`,
  });

  // Seeding again does not change the users' data.
  await seedDemo(world.database);
  assert.equal(await world.database.headSeq(vault.id), seq);
});
