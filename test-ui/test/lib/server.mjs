// The real server, on a real database of its own.
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
  if (!url) throw new Error("Set DATABASE_URL to a superuser URL of a running PostgreSQL; tests make databases there.");
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
  // Only what the test itself says counts.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(SYNCSCRIPT_.*|AUTH_SECRET|DATABASE_URL|HOST|PORT|RUST_LOG|PG[A-Z]+)$/.test(name),
  );
  const env = { ...Object.fromEntries(inherited), ...settings };
  const child = spawn(BIN, args, { env, cwd: tmpdir(), stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("close", () => running.delete(child));
  return child;
}

/** Runs the program to its end. */
export async function run(args, settings) {
  const child = launch(args, settings);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  const [code] = await withDeadline(once(child, "close"), `the end of ${BIN} ${args.join(" ")}`, 60_000);
  if (code !== 0) throw new Error(`${BIN} ${args.join(" ")} ended with ${code}:\n${output}`);
  return output;
}

export class Server {
  #log = [];

  /** Returns when the server says that it listens. `port` 0 takes any free one. */
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
      server.exit.then(() => reject(new Error(`The server ended:\n${server.#log.slice(-20).join("\n")}`)));
    });
    const [, url, bound] = await withDeadline(ready, "the server's line `listening on …`");
    server.url = url;
    server.port = Number(bound);
    return server;
  }

  /** Ends it and waits for that. */
  async end(signal = "SIGTERM") {
    this.child.kill(signal);
    await withDeadline(this.exit, `the end of the server after ${signal}`);
  }
}
