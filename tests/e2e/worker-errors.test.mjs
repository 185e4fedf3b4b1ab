// Invalid input to every command of `outbox-worker`: one sentence on stderr, and nothing changes.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Database } from "./lib/database.mjs";
import { assertErrorExit, assertRejectedUnchanged, runWorker } from "./lib/outbox-worker.mjs";
import { run } from "./lib/process.mjs";
import { OUTBOX_WORKER_BIN, SYNCSCRIPT_BIN } from "./lib/settings.mjs";

describe("invalid input: one sentence and no change", () => {
  const unknown = randomUUID();
  let database, vaultId;
  before(async () => {
    database = await Database.create();
    const { code, stderr } = await run(SYNCSCRIPT_BIN, ["migrate"], { DATABASE_URL: database.url });
    assert.equal(code, 0, stderr);
    vaultId = randomUUID();
    const [{ id }] = await database.rows(
      "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'a@b.test', 'A', '!') RETURNING id",
    );
    await database.rows("SELECT vault_create($1, $2, 'Vault')", [vaultId, id]);
  });
  after(() => database?.drop());

  /** Every command with valid arguments. */
  const commands = () => ({
    status: ["status"],
    tail: ["tail", "--vault", vaultId, "--after", "0"],
    replay: ["replay", "--vault", vaultId],
    replays: ["replays"],
    "replay --cancel": ["replay", "--cancel", unknown],
    verify: ["verify"],
    rebuild: ["rebuild", "--all"],
    export: ["export"],
    import: ["import"],
    compact: ["compact", "--vault", vaultId, "--before", "2"],
  });
  const forEachCommand = async (check) => {
    for (const [name, args] of Object.entries(commands())) await check(args, name);
  };

  test("an unknown vault, for every command with --vault", async () => {
    for (const args of [["replay"], ["verify"], ["rebuild"], ["export"], ["tail"], ["compact", "--before", "2"]]) {
      await assertRejectedUnchanged(database, [...args, "--vault", unknown], new RegExp(`no vault ${unknown}`));
    }
  });

  test("rebuild without --vault and --all", async () => {
    const { code, stdout, stderr } = await runWorker(database, "rebuild");
    assert.ok(code > 0);
    assert.match(stderr, /--vault/);
    assert.match(stderr, /--all/);
    assert.equal(stdout, "");
  });

  test("no DATABASE_URL", async () => {
    await forEachCommand(async (args) =>
      assertErrorExit(await run(OUTBOX_WORKER_BIN, args), /DATABASE_URL is not set/),
    );
  });

  test("an unreachable or missing database; the password is not shown", async () => {
    const missing = new URL(database.url);
    missing.pathname = `/${database.name}_missing`;
    missing.password = "hunter2";
    for (const url of ["postgres://someone:hunter2@127.0.0.1:1/nowhere", missing.toString(), "mysql://x:hunter2@y/z"]) {
      await forEachCommand(async (args) => {
        const outcome = await run(OUTBOX_WORKER_BIN, args, { DATABASE_URL: url });
        assertErrorExit(outcome, /DATABASE_URL/);
        assert.ok(!outcome.stderr.includes("hunter2"), outcome.stderr);
      });
    }
  });

  test("a database that is not migrated", async (t) => {
    const empty = await Database.create();
    t.after(() => empty.drop());
    await forEachCommand(async (args) => {
      assertErrorExit(await runWorker(empty, ...args), /syncscript migrate/);
      assert.deepEqual(
        await empty.rows("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
        [],
      );
    });
  });

  test("a schema newer than the tool", async (t) => {
    await database.rows(
      `INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
       VALUES (9999, 'from the future', true, '', 0)`,
    );
    t.after(() => database.rows("DELETE FROM _sqlx_migrations WHERE version = 9999"));
    await forEachCommand((args) => assertRejectedUnchanged(database, args, /schema 9999/));
  });

  test("a schema older than the tool", async (t) => {
    await database.rows("CREATE TABLE kept AS SELECT * FROM _sqlx_migrations");
    await database.rows("DELETE FROM _sqlx_migrations WHERE version > 3");
    t.after(() => database.rows("INSERT INTO _sqlx_migrations SELECT * FROM kept WHERE version > 3"));
    await forEachCommand((args) => assertRejectedUnchanged(database, args, /schema 3 .*syncscript migrate/));
  });

  test("every command that reports has --json", async () => {
    for (const [name, args] of Object.entries(commands())) {
      if (["tail", "export"].includes(name)) continue; // These commands always print JSON.
      const { stdout } = await run(OUTBOX_WORKER_BIN, [args[0], "--help"]);
      assert.match(stdout, /--json/, name);
    }
  });
});
