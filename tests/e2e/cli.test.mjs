// The command lines: help lists every setting, and a missing or invalid setting gives one clear sentence.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Database } from "./lib/database.mjs";
import { run } from "./lib/process.mjs";
import { OUTBOX_WORKER_BIN, SYNCSCRIPT_BIN } from "./lib/settings.mjs";

/** Nothing listens at this address. The password must not appear in a message. */
const UNREACHABLE = "postgres://someone:hunter2@127.0.0.1:1/nowhere";

/** Asserts an error exit: a non-zero status, and one sentence on stderr that names `setting`. */
function assertConfigError({ code, stdout, stderr }, setting) {
  assert.ok(code > 0, `exit status ${code}`);
  // A hint about --help may follow the sentence.
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !/^For more information/.test(line));
  assert.equal(lines.length, 1, `one sentence on stderr:\n${stderr}`);
  assert.ok(lines[0].includes(setting), `names ${setting}: ${lines[0]}`);
  assert.ok(!stderr.includes("panicked") && !stderr.includes("hunter2"), stderr);
  assert.equal(stdout, "");
}

describe("invalid configuration", () => {
  for (const command of ["serve", "migrate", "seed-demo"]) {
    test(`${command} without DATABASE_URL`, async () => {
      assertConfigError(await run(SYNCSCRIPT_BIN, [command]), "DATABASE_URL");
    });
  }

  for (const args of [["status"], ["tail"]]) {
    test(`outbox-worker ${args} without DATABASE_URL`, async () => {
      assertConfigError(await run(OUTBOX_WORKER_BIN, args), "DATABASE_URL");
    });
  }

  const bad = {
    DATABASE_URL: ["mysql://root@127.0.0.1/x", "not a url", ""],
    PORT: ["http", "-1", "65536", "3000x"],
    HOST: ["not a host name"],
    SYNCSCRIPT_SWEEP_INTERVAL_MS: ["soon", "-5", "0"],
    SYNCSCRIPT_LISTEN: ["perhaps"],
    SYNCSCRIPT_LOG_FORMAT: ["xml"],
    SYNCSCRIPT_ALLOWED_ORIGINS: ["https://app.example.test,nonsense"],
    AUTH_SECRET: ["hunter2", `${"x".repeat(32)} hunter2`],
    SYNCSCRIPT_COOKIE_SAME_SITE: ["sometimes", "none"],
  };
  for (const [setting, values] of Object.entries(bad)) {
    for (const value of values) {
      test(`serve with ${setting}=${JSON.stringify(value)}`, async () => {
        // The settings are checked before the database is contacted, so the message is about the invalid one.
        const settings = { DATABASE_URL: UNREACHABLE, PORT: "0", [setting]: value };
        assertConfigError(await run(SYNCSCRIPT_BIN, ["serve"], settings), setting);
      });
    }
  }

  test("an invalid flag is named like an invalid variable", async () => {
    const { code, stderr } = await run(SYNCSCRIPT_BIN, ["serve", "--database-url", UNREACHABLE, "--port", "http"]);
    assert.ok(code > 0);
    assert.match(stderr, /--port|PORT/);
  });

  test("migrate and seed-demo report an unreachable database", async () => {
    for (const command of ["migrate", "seed-demo"]) {
      assertConfigError(await run(SYNCSCRIPT_BIN, [command], { DATABASE_URL: UNREACHABLE }), "DATABASE_URL");
    }
  });

  test("an unknown subcommand is rejected", async () => {
    const { code, stderr } = await run(SYNCSCRIPT_BIN, ["conquer"]);
    assert.ok(code > 0);
    assert.match(stderr, /conquer/);
  });
});

describe("help", () => {
  test("syncscript --help lists the subcommands", async () => {
    const { code, stdout } = await run(SYNCSCRIPT_BIN, ["--help"]);
    assert.equal(code, 0);
    for (const command of ["serve", "migrate", "seed-demo"])
      assert.match(stdout, new RegExp(`^\\s+${command}\\b`, "m"));
  });

  test("syncscript serve --help lists every setting with its flag and variable", async () => {
    const { code, stdout } = await run(SYNCSCRIPT_BIN, ["serve", "--help"]);
    assert.equal(code, 0);
    const settings = [
      "--database-url",
      "--host",
      "--port",
      "DATABASE_URL",
      "HOST",
      "PORT",
      "SYNCSCRIPT_LOG",
      "SYNCSCRIPT_LOG_FORMAT",
      "SYNCSCRIPT_SWEEP_INTERVAL_MS",
      "SYNCSCRIPT_LISTEN",
      "SYNCSCRIPT_ALLOWED_ORIGINS",
      "--auth-secret",
      "AUTH_SECRET",
      "SYNCSCRIPT_COOKIE_SAME_SITE",
    ];
    for (const setting of settings) assert.match(stdout, new RegExp(`(^|[^\\w-])${setting}($|[^\\w-])`, "m"), setting);
  });

  test("outbox-worker --help lists its commands, and each command its options", async () => {
    const help = async (...args) => {
      const { code, stdout } = await run(OUTBOX_WORKER_BIN, [...args, "--help"]);
      assert.equal(code, 0);
      return stdout;
    };
    const top = await help();
    for (const command of ["status", "tail"]) assert.match(top, new RegExp(`^\\s+${command}\\b`, "m"));
    assert.match(await help("status"), /--json/);
    const tail = await help("tail");
    for (const option of ["--vault", "--after", "DATABASE_URL"]) assert.ok(tail.includes(option), option);
  });
});

describe("migrate", () => {
  test("brings an empty database up to date, and a second run changes nothing", async (t) => {
    const database = await Database.create();
    t.after(() => database.drop());
    const migrate = () => run(SYNCSCRIPT_BIN, ["migrate"], { DATABASE_URL: database.url });
    const schema = () =>
      database.rows(
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
      );
    const first = await migrate();
    assert.equal(first.code, 0, first.stderr);
    const before = await schema();
    const tables = new Set(before.map((column) => column.table_name));
    for (const table of ["users", "sessions", "vaults", "vault_users", "sources", "outbox"])
      assert.ok(tables.has(table), table);
    const second = await migrate();
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(await schema(), before);
  });
});
