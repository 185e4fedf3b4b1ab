// What the peers share: the contract, as a careful Node.js program would serve it. One named (prepared) statement finds
// session and role; the pool is as large as SyncScript's. Each peer adds how a source is written and its event sent.

import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { promisify } from "node:util";

import pg from "pg";
import { Server } from "socket.io";

const derive = promisify(scrypt);
const COOKIE = "session-token";

export const connection = { connectionString: process.env.DATABASE_URL };
export const pool = new pg.Pool({ ...connection, max: 20 });

/** Runs a statement by name, so that PostgreSQL prepares it once a connection. */
export const run = (db, name, text, values) => db.query({ name, text, values }).then((result) => result.rows);

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const hashOf = (token) => createHash("sha256").update(token).digest();

async function passwordHash(password, salt = randomBytes(16)) {
  return `${salt.toString("hex")}$${(await derive(password, salt, 32)).toString("hex")}`;
}

async function register({ email, name, password }) {
  const sql = "INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id, email, name";
  const [user] = await run(pool, "register", sql, [email, name, await passwordHash(password)]);
  return { status: 201, body: { user } };
}

async function login({ email, password }) {
  const sql = "SELECT id, email, name, password_hash FROM users WHERE email = $1";
  const [user] = await run(pool, "user", sql, [email]);
  const salt = Buffer.from(user?.password_hash.split("$")[0] ?? "", "hex");
  const found = Buffer.from(await passwordHash(password, salt));
  const stored = Buffer.from(user?.password_hash ?? "");
  if (stored.length !== found.length || !timingSafeEqual(stored, found)) throw new Refusal(401, "bad credentials");
  const token = randomBytes(32).toString("base64url");
  const insert = "INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + interval '30 days')";
  await run(pool, "login", insert, [hashOf(token), user.id]);
  const cookie = `${COOKIE}=${token}; HttpOnly; SameSite=Lax; Path=/`;
  return { status: 200, body: { user: { id: user.id, email: user.email, name: user.name } }, cookie };
}

function token(request) {
  const found = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(request.headers.cookie ?? "");
  if (!found) throw new Refusal(401, "sign in first");
  return hashOf(found[1]);
}

async function session(request) {
  const sql = `SELECT u.id, u.name FROM sessions s JOIN users u ON u.id = s.user_id
               WHERE s.token_hash = $1 AND s.expires_at > now()`;
  const [user] = await run(pool, "session", sql, [token(request)]);
  if (!user) throw new Refusal(401, "sign in first");
  return user;
}

/** The user of the request and the user's role in the vault. */
async function member(request, vaultId) {
  const sql = `SELECT u.id AS "userId", u.name AS "userName", m.role FROM sessions s JOIN users u ON u.id = s.user_id
               LEFT JOIN vault_users m ON m.user_id = u.id AND m.vault_id = $2
               WHERE s.token_hash = $1 AND s.expires_at > now()`;
  const [actor] = await run(pool, "member", sql, [token(request), vaultId]);
  if (!actor) throw new Refusal(401, "sign in first");
  requireRole(actor.role);
  return actor;
}

export function requireRole(role) {
  if (!role) throw new Refusal(404, "no such vault");
  if (role === "viewer") throw new Refusal(403, "insufficient permissions");
}

async function createVault(request, { name }) {
  const user = await session(request);
  const sql = `WITH v AS (INSERT INTO vaults (name) VALUES ($1) RETURNING id),
               m AS (INSERT INTO vault_users SELECT id, $2, 'owner' FROM v) SELECT id FROM v`;
  const [vault] = await run(pool, "vault", sql, [name, user.id]);
  return { status: 201, body: { vault: { ...vault, name } } };
}

/** Adds a source, in the transaction of `db` if it has one. */
export async function insertSource(db, vaultId, { title, fileUrl }) {
  const sql = `INSERT INTO sources (vault_id, title, file_url) VALUES ($1, $2, $3)
               RETURNING id, title, file_url AS "fileUrl", vault_id AS "vaultId", created_at AS "createdAt",
                         updated_at AS "updatedAt", version`;
  const [source] = await run(db, "source", sql, [vaultId, title, fileUrl]);
  return source;
}

/** Runs `work` in a transaction. */
export async function transaction(work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

function read(request) {
  return new Promise((resolve, reject) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("error", reject);
    request.on("end", () => {
      try {
        resolve(JSON.parse(text));
      } catch {
        reject(new Refusal(400, "malformed JSON"));
      }
    });
  });
}

async function route(request, peer) {
  const sources = /^\/api\/vaults\/([0-9a-f-]{36})\/sources$/.exec(request.url);
  const body = await read(request);
  if (sources) {
    if (typeof body.title !== "string" || typeof body.fileUrl !== "string") throw new Refusal(422, "title, fileUrl");
    const vaultId = sources[1];
    const actor = await (peer.authorise ?? member)(request, vaultId);
    return { status: 201, body: { source: await peer.createSource(actor, vaultId, body) } };
  }
  switch (request.url) {
    case "/api/auth/register":
      return register(body);
    case "/api/auth/login":
      return login(body);
    case "/api/vaults":
      return createVault(request, body);
    default:
      throw new Refusal(404, "no such route");
  }
}

function answer(response, { status, body, cookie }) {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  response.writeHead(status, cookie ? { ...headers, "set-cookie": cookie } : headers);
  response.end(text);
}

/** For peers that read the role elsewhere. */
export const signedIn = async (request) => {
  const user = await session(request);
  return { userId: user.id, userName: user.name };
};

/** Serves a peer: `createSource(actor, vaultId, body)`, and what else it wants to change. */
export function serve(peer) {
  const http = createServer((request, response) => {
    route(request, peer).then(
      (done) => answer(response, done),
      (error) => {
        if (!(error instanceof Refusal)) console.error(error);
        answer(response, { status: error.status ?? 500, body: { error: error.message } });
      },
    );
  });
  // A message is not worth compressing, and the client is not served from here.
  const io = new Server(http, { perMessageDeflate: false, httpCompression: false, serveClient: false });
  if (peer.adapter) io.adapter(peer.adapter);
  io.use((socket, next) => {
    session(socket.request).then(
      (user) => {
        socket.data.user = user;
        next();
      },
      () => next(new Error("UNAUTHORIZED")),
    );
  });
  io.on("connection", (socket) => {
    socket.on("vault:join", async (wanted) => {
      const vaultId = wanted?.vaultId ?? wanted;
      const sql = `SELECT m.role, v.head_seq::int AS seq FROM vault_users m JOIN vaults v ON v.id = m.vault_id
                   WHERE m.vault_id = $1 AND m.user_id = $2`;
      const [found] = await run(pool, "join", sql, [vaultId, socket.data.user.id]);
      if (!found) return socket.emit("error", { message: "Access denied to vault" });
      peer.joined?.(vaultId, found.seq);
      await socket.join(room(vaultId));
      socket.emit("vault:joined", { vaultId, ...found });
    });
  });
  http.listen(Number(process.env.PORT ?? 0), process.env.HOST ?? "127.0.0.1", () => {
    console.log(`listening on http://127.0.0.1:${http.address().port}`);
  });
  return io;
}

export const room = (vaultId) => `vault:${vaultId}`;

/** What subscribers receive. */
export const eventOf = (source, actor, more) => ({ source, actor, timestamp: new Date().toISOString(), ...more });
