// Starts the real server on its own database.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { withDeadline } from "./wait.mjs";

export const BIN =
  process.env.SYNCSCRIPT_BIN ?? fileURLToPath(new URL("../../../target/debug/syncscript", import.meta.url));
const READY = /^listening on (http:\/\/127\.0\.0\.1:(\d+))$/;

const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

function adminUrl() {
  const url = process.env.DATABASE_URL;
  if (!url)
    throw new Error(
      "Set DATABASE_URL to a superuser URL of a running PostgreSQL server, where the tests create databases.",
    );
  return url;
}

async function asAdmin(sql) {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

export class Database {
  static async create() {
    const database = new Database();
    database.name = `ui_${randomUUID().replaceAll("-", "")}`;
    await asAdmin(`CREATE DATABASE ${database.name}`);
    const url = new URL(adminUrl());
    url.pathname = `/${database.name}`;
    database.url = url.toString();
    database.pool = new pg.Pool({ connectionString: database.url, max: 4 });
    database.pool.on("error", () => {});
    return database;
  }

  async rows(sql, values = []) {
    return (await this.pool.query(sql, values)).rows;
  }

  async drop() {
    await this.pool.end();
    await asAdmin(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}

function launch(args, settings) {
  // The server must not inherit settings from the environment of the test run.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SYNCSCRIPT_.*|AUTH_SECRET|DATABASE_URL|HOST|PORT|RUST_LOG|PG[A-Z]+)$/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...settings };
  const child = spawn(BIN, args, { env, cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Runs the program until it exits. Returns its output. */
export async function run(args, settings) {
  const child = launch(args, settings);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const [code] = await withDeadline(once(child, "close"), `${BIN} ${args.join(" ")} to exit`, 60_000);
  if (code !== 0) throw new Error(`${BIN} ${args.join(" ")} exited with ${code}:\n${output}`);
  return output;
}

export class Server {
  #log = [];

  /** Starts the server and returns once it listens. `port` 0 selects any free port. */
  static async start({ database, port = 0, env = {} }) {
    const server = new Server();
    server.child = launch(["serve"], {
      DATABASE_URL: database.url,
      HOST: "127.0.0.1",
      PORT: String(port),
      SYNCSCRIPT_DEMO: "true",
      ...env,
    });
    server.exit = once(server.child, "close");
    createInterface({ input: server.child.stderr }).on("line", (line) => server.#log.push(line));
    const ready = new Promise((resolve, reject) => {
      createInterface({ input: server.child.stdout }).on(
        "line",
        (line) => READY.test(line) && resolve(READY.exec(line)),
      );
      server.exit.then(() => reject(new Error(`The server exited:\n${server.#log.slice(-20).join("\n")}`)));
    });
    const [, url, bound] = await withDeadline(ready, "the line `listening on …` of the server");
    server.url = url;
    server.port = Number(bound);
    return server;
  }

  /** Sends `signal` and waits until the server has exited. */
  async stop(signal = "SIGTERM") {
    this.child.kill(signal);
    await withDeadline(this.exit, `the server to exit after ${signal}`);
  }
}
