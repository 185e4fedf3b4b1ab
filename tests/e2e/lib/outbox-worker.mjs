// Runs `outbox-worker` as an operator does: to completion, with input, or killed halfway.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { tmpdir } from "node:os";
import { run } from "./process.mjs";
import { OUTBOX_WORKER_BIN, programEnv } from "./settings.mjs";
import { eventually, withDeadline } from "./wait.mjs";

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** Runs `outbox-worker` to completion. The exit code is not checked. */
export const runWorker = (database, ...args) => run(OUTBOX_WORKER_BIN, args, { DATABASE_URL: database.url });

/** Runs `outbox-worker`, which must succeed. Returns its standard output. */
export async function runWorkerOk(database, ...args) {
  const { code, stdout, stderr } = await runWorker(database, ...args);
  assert.equal(code, 0, `outbox-worker ${args.join(" ")}: ${stderr}${stdout}`);
  assert.equal(unexpectedStderr(stderr), "", "nothing on stderr");
  return stdout;
}

/** The lines on stderr, without the warnings about slow statements that appear on a busy machine. */
const unexpectedStderr = (stderr) =>
  stderr
    .split("\n")
    .filter((line) => !line.includes("sqlx::query: slow statement"))
    .join("\n");

/** Runs `outbox-worker` with `--json` and returns the parsed output. */
export const runWorkerJson = async (database, ...args) => JSON.parse(await runWorkerOk(database, ...args, "--json"));

/** Asserts an error exit: code 2, one sentence on stderr that matches `message`, nothing on stdout. */
export function assertErrorExit({ code, stdout, stderr }, message) {
  assert.equal(code, 2, "the exit code of a failed command");
  // A hint about --help may follow the sentence.
  const lines = unexpectedStderr(stderr)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(For more information|Usage:)/.test(line));
  assert.equal(lines.length, 1, `one sentence on stderr:\n${stderr}`);
  assert.match(lines[0], message);
  assert.ok(!stderr.includes("panicked"), stderr);
  assert.equal(stdout, "");
}

/**
 * Asserts that the command fails with a sentence that matches `message` and that the database did not change. With
 * `{vault}` it compares only that vault.
 */
export async function assertRejectedUnchanged(database, args, message, scope) {
  const before = await tableDigests(database, scope);
  assertErrorExit(await runWorker(database, ...args), message);
  assert.deepEqual(await tableDigests(database, scope), before, "nothing changed");
}

/** A running `outbox-worker`, whose standard input the test controls. */
export class WorkerProcess {
  stdout = "";
  stderr = "";

  /** `stdout` is a file for its standard output. */
  constructor(database, args, { stdout } = {}) {
    this.name = `outbox-worker ${args.join(" ")}`;
    const file = stdout && openSync(stdout, "w");
    this.child = spawn(OUTBOX_WORKER_BIN, args, {
      env: programEnv({ DATABASE_URL: database.url }),
      cwd: tmpdir(),
      stdio: ["pipe", file ?? "pipe", "pipe"],
    });
    if (stdout) closeSync(file);
    running.add(this.child);
    // It may exit before it has read all input; the exit code shows whether that is correct.
    this.child.stdin.on("error", () => {});
    this.child.stdout?.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    this.ended = once(this.child, "close").then(([code, signal]) => {
      running.delete(this.child);
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Waits until it exits. */
  end() {
    return withDeadline(this.ended, () => `${this.name} exits\n${this.stdout.slice(-500)}${this.stderr}`, 60_000);
  }

  /** Kills it; it must still be running. With `database`, returns when its connections are closed. */
  async kill(database) {
    assert.equal(this.child.exitCode, null, `${this.name} is still running: ${this.stdout}${this.stderr}`);
    this.child.kill("SIGKILL");
    assert.equal((await this.end()).signal, "SIGKILL");
    if (database) await waitForDisconnect(database);
  }
}

/** Runs `outbox-worker` with `input` on its standard input. */
export async function runWorkerWithInput(database, args, input) {
  const operation = new WorkerProcess(database, args);
  operation.child.stdin.end(input);
  return operation.end();
}

/** The state of the tool's connections to this database. */
export const workerConnections = (database) =>
  database.rows(
    `SELECT state, wait_event_type, backend_xid IS NOT NULL AS writing FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'outbox-worker'`,
  );

/** Waits until the database has closed all connections of the tool. */
export const waitForDisconnect = (database) =>
  eventually(async () => (await workerConnections(database)).length === 0, "the tool's connections are closed");

/** Waits until the tool waits for a lock that the test holds. */
export const waitForLockWait = (database) =>
  eventually(
    async () => (await workerConnections(database)).some(({ wait_event_type }) => wait_event_type === "Lock"),
    "the tool waits for a lock",
  );

const TABLES = ["users", "vaults", "vault_users", "sources", "outbox", "replays"];

/**
 * Returns a digest per table, of one vault or of all. With `touched`, a row that was rewritten with the same values also
 * counts as changed.
 */
export async function tableDigests(database, { vault, touched = false } = {}) {
  const digests = {};
  for (const table of TABLES) {
    const column = { users: null, vaults: "id" }[table] ?? "vault_id";
    if (vault && table === "users") continue;
    const [{ digest }] = await database.rows(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(${touched ? "t.xmin || " : ""}t::text, ',' ORDER BY t::text)), '')
              AS digest FROM ${table} t ${vault ? `WHERE t.${column} = $1` : ""}`,
      vault ? [vault] : [],
    );
    digests[table] = digest;
  }
  return digests;
}

/** Asserts that `verify` reports no findings. Returns its report. */
export async function assertVerifiesClean(database, ...args) {
  const report = await runWorkerJson(database, "verify", ...args);
  assert.deepEqual([report.clean, report.findings], [true, []]);
  return report;
}
