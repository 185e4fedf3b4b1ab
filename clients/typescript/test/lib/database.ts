// One database per test.
import { randomUUID } from "node:crypto";
import pg from "pg";

function adminUrl(): string {
  const url = process.env.DATABASE_URL;
  if (!url) throw new Error("Set DATABASE_URL to a superuser URL of a running PostgreSQL server");
  return url;
}

async function asAdmin(sql: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    await client.query(sql, values);
  } finally {
    await client.end();
  }
}

export class Database {
  readonly #name = `client_${randomUUID().replaceAll("-", "")}`;
  readonly url: string;
  readonly #pool: pg.Pool;

  private constructor() {
    const url = new URL(adminUrl());
    url.pathname = `/${this.#name}`;
    this.url = url.toString();
    this.#pool = new pg.Pool({ connectionString: this.url, max: 4 });
    // Tests kill connections, and the pool reports killed idle connections here.
    this.#pool.on("error", () => {});
  }

  static async create(): Promise<Database> {
    const database = new Database();
    await asAdmin(`CREATE DATABASE ${database.#name}`);
    return database;
  }

  async rows<T extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#pool.query<T>(sql, values)).rows;
  }

  /** Returns the event ids of a vault's log, in order. */
  async log(vaultId: string, after = 0): Promise<string[]> {
    const rows = await this.rows<{ event_id: string }>(
      "SELECT event_id FROM outbox WHERE vault_id = $1 AND seq > $2 ORDER BY seq",
      [vaultId, after],
    );
    return rows.map((row) => row.event_id);
  }

  async head(vaultId: string): Promise<number> {
    const [row] = await this.rows<{ head: number }>("SELECT head_seq::int AS head FROM vaults WHERE id = $1", [
      vaultId,
    ]);
    return row?.head ?? 0;
  }

  /** Returns the projection, in the shapes of the client. */
  async tables(vaultId: string): Promise<{ sources: unknown[]; members: unknown[] }> {
    const sources = await this.rows(
      `SELECT source_json(s)::json AS row FROM sources s WHERE vault_id = $1 ORDER BY id`,
      [vaultId],
    );
    const members = await this.rows(
      `SELECT member_json(m, u.name)::json AS row FROM vault_users m JOIN users u ON u.id = m.user_id
       WHERE vault_id = $1 ORDER BY user_id`,
      [vaultId],
    );
    return { sources: sources.map(({ row }) => row as unknown), members: members.map(({ row }) => row as unknown) };
  }

  /** With false, rejects new connections and ends the existing ones. With true, accepts connections again. */
  async setAvailable(available: boolean): Promise<void> {
    await asAdmin(`ALTER DATABASE ${this.#name} ALLOW_CONNECTIONS ${available}`);
    if (!available)
      await asAdmin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [this.#name]);
  }

  async drop(): Promise<void> {
    await this.#pool.end();
    await asAdmin(`DROP DATABASE IF EXISTS ${this.#name} WITH (FORCE)`);
  }
}
