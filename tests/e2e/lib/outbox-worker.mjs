// The operator's tool, as an operator runs it: to its end, with something on its standard input, or killed halfway.
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

/** Runs `outbox-worker` to its end, whatever that is. */
export const runWorker = (database, ...args) => run(OUTBOX_WORKER_BIN, args, { DATABASE_URL: database.url });

/** Runs it; it must end well. Returns its standard output. */
export async function runWorkerOk(database, ...args) {
  const { code, stdout, stderr } = await runWorker(database, ...args);
  assert.equal(code, 0, `outbox-worker ${args.join(" ")}: ${stderr}${stdout}`);
  assert.equal(unexpectedStderr(stderr), "", "nothing to complain of");
  return stdout;
}

/** What is said on stderr, but for the warnings about slow statements that a busy machine brings about. */
const unexpectedStderr = (stderr) =>
  stderr
    .split("\n")
    .filter((line) => !line.includes("sqlx::query: slow statement"))
    .join("\n");

/** The same, with `--json`; returns what it said. */
export const runWorkerJson = async (database, ...args) => JSON.parse(await runWorkerOk(database, ...args, "--json"));

/** Asserts a refusal: exit code not 0, one sentence on stderr that `says` so, nothing on stdout. */
export function assertErrorExit({ code, stdout, stderr }, says) {
  assert.equal(code, 2, "the exit code of a command that could not do its work");
  // A hint at --help may follow the sentence.
  const lines = unexpectedStderr(stderr)
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^(For more information|Usage:)/.test(line));
  assert.equal(lines.length, 1, `one sentence on stderr:\n${stderr}`);
  assert.match(lines[0], says);
  assert.ok(!stderr.includes("panicked"), stderr);
  assert.equal(stdout, "");
}

/**
 * Asserts that the command is refused with a sentence that `says` so, and that nothing in the database changed; with
 * `{vault}`, nothing of that vault.
 */
export async function assertRejectedUnchanged(database, args, says, scope) {
  const before = await tableDigests(database, scope);
  assertErrorExit(await runWorker(database, ...args), says);
  assert.deepEqual(await tableDigests(database, scope), before, "nothing changed");
}

/** `outbox-worker` under way, with its standard input in the test's hand. */
export class WorkerProcess {
  stdout = "";
  stderr = "";

  /** `stdout`: a file that its standard output goes to. */
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
    // It may end before it has read everything: that is judged by its exit code.
    this.child.stdin.on("error", () => {});
    this.child.stdout?.setEncoding("utf8").on("data", (text) => (this.stdout += text));
    this.child.stderr.setEncoding("utf8").on("data", (text) => (this.stderr += text));
    this.ended = once(this.child, "close").then(([code, signal]) => {
      running.delete(this.child);
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Waits for its end. */
  end() {
    return withDeadline(this.ended, () => `the end of ${this.name}\n${this.stdout.slice(-500)}${this.stderr}`, 60_000);
  }

  /** Takes it away in the middle; it must still have been at it. Returns when the database has noticed. */
  async kill(database) {
    assert.equal(this.child.exitCode, null, `${this.name} is still at it: ${this.stdout}${this.stderr}`);
    this.child.kill("SIGKILL");
    assert.equal((await this.end()).signal, "SIGKILL");
    if (database) await waitForDisconnect(database);
  }
}

/** Runs it with `input` on its standard input. */
export async function runWorkerWithInput(database, args, input) {
  const operation = new WorkerProcess(database, args);
  operation.child.stdin.end(input);
  return operation.end();
}

/** What the tool's connections to this database are doing. */
export const workerConnections = (database) =>
  database.rows(
    `SELECT state, wait_event_type, backend_xid IS NOT NULL AS writing FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'outbox-worker'`,
  );

/** Waits until the database has let go of a tool that is gone, and of all it was doing. */
export const waitForDisconnect = (database) =>
  eventually(async () => (await workerConnections(database)).length === 0, "the tool's connections are gone");

/** Waits until the tool waits for a lock that the test holds: it is in the middle. */
export const waitForLockWait = (database) =>
  eventually(
    async () => (await workerConnections(database)).some(({ wait_event_type }) => wait_event_type === "Lock"),
    "the tool is in the middle",
  );

const TABLES = ["users", "vaults", "vault_users", "sources", "outbox", "replays"];

/**
 * What the tables hold, as a digest a table, of one vault or of all. With `touched` even a row that was written anew
 * with the same values counts as changed.
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

/** Asserts that `verify` finds nothing wrong; returns its report. */
export async function assertVerifiesClean(database, ...args) {
  const report = await runWorkerJson(database, "verify", ...args);
  assert.deepEqual([report.clean, report.findings], [true, []]);
  return report;
}
