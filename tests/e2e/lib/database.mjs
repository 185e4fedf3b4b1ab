// A test's own database, and the ways in which a test disturbs it.
import { randomUUID } from "node:crypto";
import pg from "pg";
import { adminUrl } from "./settings.mjs";

async function asAdmin(work) {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Whether a query failed because PostgreSQL is down, starts, or ended the connection. */
export const isDatabaseUnavailable = ({ code, message }) =>
  ["ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(code) ||
  /^(08|57P0)/.test(code) ||
  /^(Connection terminated|Client has encountered a connection error)/.test(message);

export class Database {
  constructor(name) {
    this.name = name;
    const url = new URL(adminUrl());
    url.pathname = `/${name}`;
    this.url = url.toString();
    this.pool = new pg.Pool({ connectionString: this.url, max: 8 });
    // An idle connection that is killed emits an error. Tests kill connections on purpose.
    this.pool.on("error", () => {});
  }

  static async create() {
    const name = `e2e_${randomUUID().replaceAll("-", "")}`;
    await asAdmin((admin) => admin.query(`CREATE DATABASE ${name}`));
    return new Database(name);
  }

  async drop() {
    await this.pool.end();
    await asAdmin((admin) => admin.query(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`));
  }

  /** Runs one query and returns its rows. */
  async rows(sql, values = []) {
    return (await this.pool.query(sql, values)).rows;
  }

  /** Opens a connection outside the pool. The caller ends it. */
  async connection() {
    const client = new pg.Client({ connectionString: this.url });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Terminates every connection to this database except `exceptPid`. Returns the number of terminated connections. */
  async terminateBackends(exceptPid = 0) {
    const { rows } = await asAdmin((admin) =>
      admin.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2", [
        this.name,
        exceptPid,
      ]),
    );
    return rows.length;
  }

  /** Makes the database refuse (or accept again) new connections. */
  async allowConnections(allowed) {
    await asAdmin((admin) => admin.query(`ALTER DATABASE ${this.name} ALLOW_CONNECTIONS ${allowed}`));
  }

  /** Returns the number of connections to this database that listen for notifications. */
  async listeners() {
    const { rows } = await asAdmin((admin) =>
      admin.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND query ILIKE 'LISTEN%'", [
        this.name,
      ]),
    );
    return rows[0].n;
  }

  /** Returns the whole log of a vault in order, with each payload as the stored text. */
  log(vaultId) {
    return this.rows(
      "SELECT seq::int AS seq, event_id, type, payload::text AS payload FROM outbox WHERE vault_id = $1 ORDER BY seq",
      [vaultId],
    );
  }

  async headSeq(vaultId) {
    const [row] = await this.rows("SELECT head_seq::int AS head FROM vaults WHERE id = $1", [vaultId]);
    return row.head;
  }
}

/**
 * Creates a source by SQL, without the server and without NOTIFY. `client` is a pool or a connection. Throws an error with
 * the reason in `code` if the append is rejected.
 */
export async function sqlCreateSource(client, { vaultId, actorId, title = "from psql" }) {
  const id = randomUUID();
  const { rows } = await client.query("SELECT rejection FROM sources_create($1, $2, $3, $4, $5, true)", [
    [id],
    [vaultId],
    [actorId],
    [title],
    [`https://example.test/${id}.pdf`],
  ]);
  const [{ rejection }] = rows;
  if (rejection !== null) throw Object.assign(new Error(`the append was rejected: ${rejection}`), { code: rejection });
  return id;
}
