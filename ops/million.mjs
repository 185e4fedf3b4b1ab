#!/usr/bin/env node
// Measures the operator's commands on large logs: time and peak memory at several sizes, with COPY as the baseline.
//
//   DATABASE_URL=postgres://postgres@localhost/postgres node ops/million.mjs [EVENTS]...
//
// The default sizes are 10 000, 100 000 and 1 000 000 events in ten vaults. It creates its own database of about 1 GB and
// drops it at the end. It needs psql and the programs: SYNCSCRIPT_BIN and OUTBOX_WORKER_BIN, or those in target/release,
// or those in target/debug if there is no release build. The output names the build.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VAULTS = 10;
/** The events that each step adds to a vault: it creates two sources, updates one and deletes one. */
const STEP = 4;
const MAX_EVENTS = 2_000_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const build = existsSync(here("../target/release/outbox-worker")) ? "release" : "debug";
const bin = (name) => process.env[`${name.toUpperCase().replace("-", "_")}_BIN`] ?? here(`../target/${build}/${name}`);

const sizes = (process.argv.length > 2 ? process.argv.slice(2) : ["10000", "100000", "1000000"]).map(Number);
if (!process.env.DATABASE_URL || sizes.some((size) => !(size >= 1000 && size <= MAX_EVENTS))) {
  console.error(`Set DATABASE_URL to a superuser's URL. Sizes are from 1000 to ${MAX_EVENTS} events.`);
  process.exit(2);
}
const admin = process.env.DATABASE_URL;
const name = `million_${process.pid}`;
const url = Object.assign(new URL(admin), { pathname: `/${name}` }).toString();
const scratch = mkdtempSync(join(tmpdir(), "syncscript-million-"));
const children = new Set();

/** Runs a program. Returns its output, its duration in seconds and its peak resident memory in MiB. */
async function measure(program, args, { stdout, stdin, allow = [0] } = {}) {
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, DATABASE_URL: url },
    stdio: [stdin ? openSync(stdin, "r") : "ignore", stdout ? openSync(stdout, "w") : "pipe", "pipe"],
  });
  children.add(child);
  let text = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk) => (text += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk) => (errors += chunk));
  let peak = 0;
  // The kernel keeps the peak, so the last sample before the exit is good enough.
  const samplePeak = () => {
    try {
      peak = Math.max(
        peak,
        Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0),
      );
    } catch {
      // The process has exited.
    }
  };
  const timer = setInterval(samplePeak, 10);
  const [code] = await once(child, "close");
  clearInterval(timer);
  children.delete(child);
  if (!allow.includes(code)) throw new Error(`${program} ${args.join(" ")} exited with ${code}: ${errors}${text}`);
  return { text, seconds: (performance.now() - start) / 1000, peak: peak / 1024 };
}

const psql = (sql, to = url) => measure("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", to, "-c", sql]);

/** Extends each vault to `events` events, with statements that write what the append functions write. */
async function fill(events) {
  const vaults = (await psql("SELECT id FROM vaults ORDER BY id")).text.trim().split("\n");
  for (const vault of vaults) {
    await psql(`
      WITH v AS (
          SELECT v.id, v.head_seq, m.user_id, u.name FROM vaults v
          JOIN vault_users m ON m.vault_id = v.id JOIN users u ON u.id = m.user_id WHERE v.id = '${vault}'),
      g AS MATERIALIZED (
          SELECT v.*, i AS step, head_seq + ${STEP} * i AS base, gen_random_uuid() AS a, gen_random_uuid() AS b,
                 date_trunc('milliseconds', now()) + i * interval '1 millisecond' AS at
          FROM v, generate_series(0, (${events} - (SELECT head_seq FROM v) - 1) / ${STEP}) AS i),
      e AS (
          SELECT g.*, n,
                 CASE n WHEN 3 THEN 'source:updated' WHEN 4 THEN 'source:deleted' ELSE 'source:created' END AS type,
                 ROW(CASE n WHEN 2 THEN b ELSE a END, id, 'Source ' || base + n || ' of a log that is quite long',
                     'https://example.test/papers/' || base + n || '.pdf', CASE n WHEN 3 THEN 2 ELSE 1 END, at, at)::sources
                     AS source,
                 gen_random_uuid() AS event
          FROM g, generate_series(1, ${STEP}) AS n),
      kept AS (INSERT INTO sources SELECT (source).* FROM e WHERE n = 3),
      moved AS (UPDATE vaults SET head_seq = (SELECT max(base) + ${STEP} FROM g) WHERE id = '${vault}')
      INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
      SELECT id, base + n, event, type,
             ('{' || CASE n WHEN 4 THEN '"sourceId":"' || b || '","vaultId":"' || id || '"'
                            ELSE '"source":' || source_json(source) END
              || ',"actor":' || actor_json(user_id, name, 'owner') || ',"timestamp":"' || event_time(at)
              || '","seq":' || base + n || ',"eventId":"' || event || '"}')::json,
             user_id, at
      FROM e`);
  }
  await psql("VACUUM ANALYZE");
}

const readTempBytes = async () =>
  Number((await psql("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()")).text);
const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
const report = (events, what, { seconds, peak }, note = "") =>
  row(
    events.toLocaleString("en").replaceAll(",", " "),
    what,
    `${seconds.toFixed(1)} s`,
    `${peak.toFixed(1)} MiB`,
    note,
  );

async function main() {
  await psql(`CREATE DATABASE ${name}`, admin);
  await measure(bin("syncscript"), ["migrate"]);
  await psql("INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'm@b.test', 'Mill', '!')");
  await psql(
    `SELECT vault_create(gen_random_uuid(), (SELECT id FROM users), 'Vault ' || i) FROM generate_series(1, ${VAULTS}) i`,
  );
  const { text: version } = await psql("SHOW server_version");
  console.log(`${build} build, PostgreSQL ${version.trim()}, ${cpus().length} cores; ${VAULTS} vaults.\n`);
  row("events", "command", "time", "peak memory", "");
  row("---:", "---", "---:", "---:", "---");
  for (const size of sizes) {
    await fill(size / VAULTS);
    const events = Number((await psql("SELECT count(*) FROM outbox")).text);
    const file = join(scratch, "export.ndjson");
    report(
      events,
      "`COPY outbox TO STDOUT` (psql)",
      await measure("psql", ["-XAtq", url, "-c", "COPY outbox TO STDOUT"], { stdout: "/dev/null" }),
    );
    const exported = await measure(bin("outbox-worker"), ["export"], { stdout: file });
    report(events, "`export`", exported, `${(statSync(file).size / 2 ** 20).toFixed(0)} MiB of NDJSON`);
    const before = await readTempBytes();
    const verified = await measure(bin("outbox-worker"), ["verify", "--all", "--json"]);
    const after = await readTempBytes();
    if (!JSON.parse(verified.text).clean) throw new Error(`verify found problems: ${verified.text}`);
    report(
      events,
      "`verify --all`",
      verified,
      `Postgres sorted ${((after - before) / 2 ** 20).toFixed(0)} MiB on disk`,
    );
    report(events, "`rebuild --all --dry-run`", await measure(bin("outbox-worker"), ["rebuild", "--all", "--dry-run"]));
    report(events, "`status`", await measure(bin("outbox-worker"), ["status"]));
    if (size === sizes.at(-1)) {
      await psql("TRUNCATE vaults, users CASCADE");
      report(events, "`import`", await measure(bin("outbox-worker"), ["import"], { stdin: file }));
    }
  }
}

async function cleanUp() {
  children.forEach((child) => child.kill("SIGKILL"));
  rmSync(scratch, { recursive: true, force: true });
  await psql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`, admin);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => cleanUp().finally(() => process.exit(1)));
try {
  await main();
} finally {
  await cleanUp();
}
