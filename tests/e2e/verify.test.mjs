// I7: the tables are the projection of the log. `outbox-worker verify` finds every difference, `rebuild` repairs it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import {
  assertVerifiesClean,
  runWorker,
  runWorkerJson,
  runWorkerOk,
  tableDigests,
  WorkerProcess,
  waitForDisconnect,
  waitForLockWait,
} from "./lib/outbox-worker.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { listSources, writeVaultHistory } from "./lib/vault-history.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

/** Returns the findings of verify for this vault. There must be at least one. */
async function findings(database, vaultId) {
  const { code, stdout, stderr } = await runWorker(database, "verify", "--vault", vaultId, "--json");
  assert.equal(code, 1, `exit code: ${stderr}`);
  const report = JSON.parse(stdout);
  assert.equal(report.clean, false);
  assert.ok(report.findings.length > 0);
  return report.findings;
}

/**
 * Ways to damage the tables: the statements (`$1` the vault, `$2` a source, `$3` a member), and the finding that verify
 * must report.
 */
const TABLE_DAMAGE = {
  "a changed title": [["UPDATE sources SET title = 'Forged' WHERE id = $2"], /sources/, { table: /Forged/ }],
  "a changed URL": [
    ["UPDATE sources SET file_url = 'https://forged.test/' WHERE id = $2"],
    /sources/,
    { table: /forged/ },
  ],
  "a changed version": [["UPDATE sources SET version = version + 1 WHERE id = $2"], /sources/],
  "a changed time": [
    ["UPDATE sources SET updated_at = updated_at + interval '1 millisecond' WHERE id = $2"],
    /sources/,
  ],
  "a missing source": [["DELETE FROM sources WHERE id = $2"], /sources/, { table: /^nothing$/ }],
  "all sources missing": [["DELETE FROM sources WHERE vault_id = $1"], /sources/, { table: /^nothing$/ }],
  "an extra source": [
    [
      `INSERT INTO sources (id, vault_id, title, file_url, version, created_at, updated_at)
       VALUES (gen_random_uuid(), $1, 'Smuggled', 'https://forged.test/', 1, now(), now())`,
    ],
    /sources/,
    { log: /^nothing$/, table: /Smuggled/ },
  ],
  "a changed role": [
    ["UPDATE vault_users SET role = 'owner' WHERE vault_id = $1 AND user_id = $3"],
    /members/,
    { log: /viewer/, table: /owner/ },
  ],
  "a missing member": [
    ["DELETE FROM vault_users WHERE vault_id = $1 AND user_id = $3"],
    /members/,
    { table: /^nothing$/ },
  ],
  "an extra member": [
    [
      `WITH u AS (INSERT INTO users (id, email, name, password_hash)
                  VALUES (gen_random_uuid(), gen_random_uuid() || '@forged.test', 'Forged', '!') RETURNING id)
       INSERT INTO vault_users (vault_id, user_id, role, created_at) SELECT $1, id, 'owner', now() FROM u`,
    ],
    /members/,
    { log: /^nothing$/ },
  ],
  "a changed name of the vault": [["UPDATE vaults SET name = 'Forged' WHERE id = $1"], /vault/, { table: /Forged/ }],
  "a vault marked deleted": [["UPDATE vaults SET deleted_at = now() WHERE id = $1"], /vault/],
  "a head that is too low": [["UPDATE vaults SET head_seq = head_seq - 1 WHERE id = $1"], /head/],
  "a head that is too high": [["UPDATE vaults SET head_seq = head_seq + 3 WHERE id = $1"], /head/],
};

/** Ways to damage the log, which rebuild cannot repair. `$1` is the vault. */
const LOG_DAMAGE = {
  "a deleted row: a gap": ["DELETE FROM outbox WHERE vault_id = $1 AND seq = 5", /gap/],
  "the first row deleted": ["DELETE FROM outbox WHERE vault_id = $1 AND seq = 1", /begins at seq 2/],
  "the last row deleted": [
    "DELETE FROM outbox WHERE vault_id = $1 AND seq = (SELECT head_seq FROM vaults WHERE id = $1)",
    /ends at seq/,
  ],
  "a duplicate event id": [
    `UPDATE outbox SET event_id = (SELECT event_id FROM outbox WHERE vault_id = $1 AND seq = 3)
     WHERE vault_id = $1 AND seq = 4`,
    /share their id/,
  ],
  "an edited event": [
    `UPDATE outbox SET payload = replace(payload::text, '"title":"Last"', '"title":"Lost"')::json
     WHERE vault_id = $1 AND payload::text LIKE '%"title":"Last"%'`,
    /sources/,
  ],
};

/** Runs one of these statements with the values that it uses. */
const damage = (database, sql, values) => {
  const used = values.slice(0, Math.max(...[...sql.matchAll(/\$(\d)/g)].map(([, n]) => Number(n))));
  // The cast gives Postgres the type of a parameter that the statement skips.
  const typed = `WITH p AS (SELECT ${used.map((_, i) => `$${i + 1}::uuid`).join(", ")}) ${sql.replace(/^WITH /, ", ")}`;
  return database.rows(typed, used);
};

describe("a live two-node system", () => {
  let world, users, owner;
  before(async () => {
    world = await openTwoNodes({ users: ["owner", "contributor", "viewer"] });
    users = world.users;
    owner = users.owner;
  });
  after(async () => {
    await world?.close();
    assertNoPanic(...(world?.servers ?? []));
  });

  describe("verify finds and rebuild repairs", () => {
    for (const [name, [statements, what, { log, table } = {}]] of Object.entries(TABLE_DAMAGE)) {
      test(name, async () => {
        const { database } = world;
        const vault = await writeVaultHistory(users);
        const members = await joinOnBothNodes(world, owner, vault.id);
        const good = await tableDigests(database, { vault: vault.id });
        await assertVerifiesClean(database, "--vault", vault.id);

        for (const sql of statements)
          await damage(database, sql, [vault.id, vault.sources.changed.id, users.viewer.user.id]);
        const found = await findings(database, vault.id);
        const match = found.find((finding) => what.test(finding.what));
        assert.ok(match, JSON.stringify(found));
        assert.equal(match.vaultId, vault.id);
        if (log) assert.match(match.logSays, log);
        if (table) assert.match(match.tableSays, table);
        const { code, stdout } = await runWorker(database, "verify", "--vault", vault.id);
        assert.equal(code, 1);
        assert.ok(stdout.includes(vault.id) && what.test(stdout) && /damaged/.test(stdout), stdout);

        const bad = await tableDigests(database, { vault: vault.id });
        const dry = JSON.parse(await runWorkerOk(database, "rebuild", "--vault", vault.id, "--dry-run", "--json"));
        assert.ok(dry.dryRun && dry.vaultsChanged === 1 && dry.rowsChanged > 0, JSON.stringify(dry));
        assert.deepEqual(await tableDigests(database, { vault: vault.id }), bad, "--dry-run changes nothing");

        const done = JSON.parse(await runWorkerOk(database, "rebuild", "--vault", vault.id, "--json"));
        assert.deepEqual(done, { ...dry, dryRun: false }, "the same changes as --dry-run");
        await assertVerifiesClean(database, "--vault", vault.id);
        assert.deepEqual(await tableDigests(database, { vault: vault.id }), good, "the tables are restored");
        // The system continues: the next event has the next seq and reaches both nodes.
        const { seq } = await owner.createSource(vault.id, "After");
        assert.equal(seq, vault.head + 1);
        for (const member of members) {
          await member.awaitSeq(vault.id, seq);
          assertContiguous(member.seqsOf(vault.id), member.joined.seq + 1, seq);
        }
      });
    }

    test("a source moved into another vault", async () => {
      const { database } = world;
      const [from, to] = [await writeVaultHistory(users), await writeVaultHistory(users)];
      await database.rows("UPDATE sources SET vault_id = $2 WHERE id = $1", [from.sources.kept.id, to.id]);
      for (const { id } of [from, to]) assert.match((await findings(database, id))[0].what, /sources/);
      for (const { id } of [from, to]) await runWorkerOk(database, "rebuild", "--vault", id);
      for (const { id } of [from, to]) await assertVerifiesClean(database, "--vault", id);
    });

    test("a deleted vault that was restored by SQL", async () => {
      const { database } = world;
      const vault = await writeVaultHistory(users);
      await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
      await assertVerifiesClean(database, "--vault", vault.id);
      await database.rows("UPDATE vaults SET deleted_at = NULL WHERE id = $1", [vault.id]);
      await database.rows("INSERT INTO vault_users VALUES ($1, $2, 'owner', now())", [vault.id, owner.user.id]);
      assert.equal((await findings(database, vault.id)).length, 2);
      await runWorkerOk(database, "rebuild", "--vault", vault.id);
      await assertVerifiesClean(database, "--vault", vault.id);
      await owner.expect(404, "GET", `/api/vaults/${vault.id}`);
    });

    test("users see the right data on both nodes after a rebuild", async () => {
      const { database } = world;
      const vault = await writeVaultHistory(users);
      const good = await listSources(owner, vault.id);
      await database.rows("UPDATE sources SET title = 'Forged' WHERE vault_id = $1", [vault.id]);
      await database.rows("DELETE FROM vault_users WHERE vault_id = $1 AND user_id <> $2", [vault.id, owner.user.id]);
      await users.viewer.expect(404, "GET", `/api/vaults/${vault.id}/sources`);
      await runWorkerOk(database, "rebuild", "--vault", vault.id);
      for (const server of world.servers) {
        assert.deepEqual(await listSources(users.viewer.at(server), vault.id), good);
      }
    });

    for (const [name, [sql, what]] of Object.entries(LOG_DAMAGE)) {
      test(`verify finds ${name}`, async () => {
        const vault = await writeVaultHistory(users);
        await assertVerifiesClean(world.database, "--vault", vault.id);
        await damage(world.database, sql, [vault.id]);
        const found = await findings(world.database, vault.id);
        assert.ok(
          found.some((finding) => what.test(finding.what) && finding.vaultId === vault.id),
          JSON.stringify(found),
        );
      });
    }

    test("verify reports only the first differences", async () => {
      const vault = await owner.createVault("Large");
      await appendEvents(world.database, { vaultId: vault.id, actor: owner.user, count: 500 });
      await world.database.rows("UPDATE sources SET title = 'Forged' WHERE vault_id = $1", [vault.id]);
      const found = await findings(world.database, vault.id);
      assert.ok(found.length >= 5 && found.length <= 50, `${found.length} findings`);
      const { rowsChanged } = await runWorkerJson(world.database, "rebuild", "--vault", vault.id);
      assert.equal(rowsChanged, 500);
      await assertVerifiesClean(world.database, "--vault", vault.id);
    });
  });
});

describe("all vaults", () => {
  /** Opens two nodes with three vaults. */
  async function open(t) {
    const world = await openTwoNodes({ users: ["owner", "contributor", "viewer"] });
    t.after(() => world.close());
    const vaults = [];
    for (let i = 0; i < 3; i++) vaults.push(await writeVaultHistory(world.users, { name: `Vault ${i}` }));
    vaults.sort((a, b) => (a.id < b.id ? -1 : 1));
    return { world, vaults, ...world.users, database: world.database };
  }

  test("verify is clean while writers use both nodes", async (t) => {
    const { world, vaults, owner, database } = await open(t);
    const rests = world.servers.map((server) => owner.at(server));
    const write = async (i) => {
      await writeSources(rests[i % 2], vaults[i % 3].id, 3);
      if (i === 0) await rests[0].createVault("Created during verify");
    };
    await whileWriting(6, write, async () => {
      let events = 0;
      for (let i = 0; i < 6; i++) {
        const report = await assertVerifiesClean(database, ...(i % 2 ? ["--all"] : []));
        assert.ok(report.events > events, "the log grows during verify");
        events = report.events;
      }
    });
    assert.match(await runWorkerOk(database, "verify"), /the tables match the log/);
  });

  test("a rebuild of a healthy system writes no row, even during writes", async (t) => {
    const { world, vaults, owner, database } = await open(t);
    const clients = await joinOnBothNodes(world, owner, vaults[0].id);
    const before = await tableDigests(database, { touched: true });
    assert.deepEqual(await runWorkerJson(database, "rebuild", "--all"), {
      vaults: 3,
      vaultsChanged: 0,
      rowsChanged: 0,
      dryRun: false,
    });
    assert.deepEqual(await tableDigests(database, { touched: true }), before);
    await whileWriting(
      4,
      () => writeSources(owner, vaults[0].id, 3),
      async () => {
        for (let i = 0; i < 5; i++) assert.equal((await runWorkerJson(database, "rebuild", "--all")).rowsChanged, 0);
      },
    );
    await assertVerifiesClean(database);
    const head = await database.headSeq(vaults[0].id);
    for (const client of clients) {
      await client.awaitSeq(vaults[0].id, head);
      assertContiguous(client.seqsOf(vaults[0].id), client.joined.seq + 1, head);
    }
  });

  test("an event id shared by two vaults", async (t) => {
    const { vaults, database } = await open(t);
    const [{ event_id: id }] = await database.rows("SELECT event_id FROM outbox WHERE vault_id = $1 AND seq = 2", [
      vaults[0].id,
    ]);
    await database.rows("UPDATE outbox SET event_id = $2 WHERE vault_id = $1 AND seq = 6", [vaults[1].id, id]);
    const { code, stdout } = await runWorker(database, "verify", "--all", "--json");
    assert.equal(code, 1);
    const { findings: found } = JSON.parse(stdout);
    assert.equal(found.length, 1);
    assert.ok(found[0].what.includes(id), found[0].what);
  });

  test("damage in several vaults is reported per vault, and rebuild --all repairs all", async (t) => {
    const { vaults, database } = await open(t);
    await database.rows("UPDATE sources SET title = 'Forged' WHERE vault_id = $1", [vaults[0].id]);
    await database.rows("DELETE FROM vault_users WHERE vault_id = $1", [vaults[2].id]);
    const { code, stdout } = await runWorker(database, "verify", "--json");
    assert.equal(code, 1);
    const damaged = new Set(JSON.parse(stdout).findings.map(({ vaultId }) => vaultId));
    assert.deepEqual(damaged, new Set([vaults[0].id, vaults[2].id]));
    assert.match(await runWorkerOk(database, "rebuild", "--all"), /3 vaults: changed \d+ rows in 2 vaults/);
    await assertVerifiesClean(database);
  });

  test("SIGKILL during rebuild --all: each vault is repaired or unchanged, and the command can run again", async (t) => {
    const { world, vaults, owner, database } = await open(t);
    const clients = await joinOnBothNodes(world, owner, vaults[1].id);
    for (const { id } of vaults) {
      await database.rows("UPDATE sources SET title = 'Forged' WHERE vault_id = $1", [id]);
      await database.rows("UPDATE vault_users SET role = 'owner' WHERE vault_id = $1", [id]);
    }
    const damaged = await tableDigests(database, { vault: vaults[1].id });

    // The tool can repair the second vault's members but not one of its sources, so it waits halfway through this vault.
    const holder = await database.connection();
    t.after(() => holder.end());
    await holder.query("BEGIN");
    await holder.query("SELECT FROM sources WHERE id = $1 FOR UPDATE", [vaults[1].sources.kept.id]);
    const operation = new WorkerProcess(database, ["rebuild", "--all"]);
    await waitForLockWait(database);
    await operation.kill();
    await assertVerifiesClean(database, "--vault", vaults[0].id);
    await holder.query("ROLLBACK");
    await waitForDisconnect(database);

    assert.deepEqual(await tableDigests(database, { vault: vaults[1].id }), damaged, "the second vault is unchanged");
    for (const { id } of vaults.slice(1)) await findings(database, id);
    // The vault is not locked any more.
    const { seq } = await owner.createSource(vaults[1].id, "After the kill");
    for (const client of clients) await client.awaitSeq(vaults[1].id, seq);
    assert.equal((await runWorkerJson(database, "rebuild", "--all")).vaultsChanged, 2);
    await assertVerifiesClean(database);
  });
});
