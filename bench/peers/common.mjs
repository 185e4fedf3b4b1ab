// The part that all peers share: SyncScript's API as a careful Node.js program would serve it. One prepared statement
// reads session and role, and the pool has the size of SyncScript's. Each peer adds how it writes a source and sends the
// event.

import { createHash, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { promisify } from "node:util";

import pg from "pg";
import { Server } from "socket.io";

const derive = promisify(scrypt);
const COOKIE = "session-token";

export const connection = { connectionString: process.env.DATABASE_URL };
export const pool = new pg.Pool({ ...connection, max: 20 });

/** Runs a named statement, which PostgreSQL prepares once per connection. */
export const run = (db, name, text, values) => db.query({ name, text, values }).then((result) => result.rows);

export class HttpError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const sha256 = (token) => createHash("sha256").update(token).digest();

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
  if (stored.length !== found.length || !timingSafeEqual(stored, found)) throw new HttpError(401, "bad credentials");
  const token = randomBytes(32).toString("base64url");
  const insert = "INSERT INTO sessions (token_hash, user_id, expires_at) VALUES ($1, $2, now() + interval '30 days')";
  await run(pool, "login", insert, [sha256(token), user.id]);
  const cookie = `${COOKIE}=${token}; HttpOnly; SameSite=Lax; Path=/`;
  return { status: 200, body: { user: { id: user.id, email: user.email, name: user.name } }, cookie };
}

function sessionTokenHash(request) {
  const found = new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]+)`).exec(request.headers.cookie ?? "");
  if (!found) throw new HttpError(401, "sign in first");
  return sha256(found[1]);
}

async function readSession(request) {
  const sql = `SELECT u.id, u.name FROM sessions s JOIN users u ON u.id = s.user_id
               WHERE s.token_hash = $1 AND s.expires_at > now()`;
  const [user] = await run(pool, "session", sql, [sessionTokenHash(request)]);
  if (!user) throw new HttpError(401, "sign in first");
  return user;
}

/** Reads the user of the request and the user's role in the vault. */
async function readMember(request, vaultId) {
  const sql = `SELECT u.id AS "userId", u.name AS "userName", m.role FROM sessions s JOIN users u ON u.id = s.user_id
               LEFT JOIN vault_users m ON m.user_id = u.id AND m.vault_id = $2
               WHERE s.token_hash = $1 AND s.expires_at > now()`;
  const [actor] = await run(pool, "member", sql, [sessionTokenHash(request), vaultId]);
  if (!actor) throw new HttpError(401, "sign in first");
  requireRole(actor.role);
  return actor;
}

export function requireRole(role) {
  if (!role) throw new HttpError(404, "no such vault");
  if (role === "viewer") throw new HttpError(403, "insufficient permissions");
}

async function createVault(request, { name }) {
  const user = await readSession(request);
  const sql = `WITH v AS (INSERT INTO vaults (name) VALUES ($1) RETURNING id),
               m AS (INSERT INTO vault_users SELECT id, $2, 'owner' FROM v) SELECT id FROM v`;
  const [vault] = await run(pool, "vault", sql, [name, user.id]);
  return { status: 201, body: { vault: { ...vault, name } } };
}

/** Inserts a source. `db` is the pool, or a client in a transaction. */
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
        reject(new HttpError(400, "malformed JSON"));
      }
    });
  });
}

async function route(request, peer) {
  const sources = /^\/api\/vaults\/([0-9a-f-]{36})\/sources$/.exec(request.url);
  const body = await read(request);
  if (sources) {
    if (typeof body.title !== "string" || typeof body.fileUrl !== "string") throw new HttpError(422, "title, fileUrl");
    const vaultId = sources[1];
    const actor = await (peer.authorize ?? readMember)(request, vaultId);
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
      throw new HttpError(404, "no such route");
  }
}

function respond(response, { status, body, cookie }) {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
  response.writeHead(status, cookie ? { ...headers, "set-cookie": cookie } : headers);
  response.end(text);
}

/** Reads only the user, for peers that read the role in their transaction. */
export const readUser = async (request) => {
  const user = await readSession(request);
  return { userId: user.id, userName: user.name };
};

/** Serves a peer: an object with `createSource(actor, vaultId, body)` and optional overrides. */
export function serve(peer) {
  const http = createServer((request, response) => {
    route(request, peer).then(
      (done) => respond(response, done),
      (error) => {
        if (!(error instanceof HttpError)) console.error(error);
        respond(response, { status: error.status ?? 500, body: { error: error.message } });
      },
    );
  });
  // Compression does not pay off for these messages, and the server does not serve the client script.
  const io = new Server(http, { perMessageDeflate: false, httpCompression: false, serveClient: false });
  if (peer.adapter) io.adapter(peer.adapter);
  io.use((socket, next) => {
    readSession(socket.request).then(
      (user) => {
        socket.data.user = user;
        next();
      },
      () => next(new Error("UNAUTHORIZED")),
    );
  });
  io.on("connection", (socket) => {
    socket.on("vault:join", async (request) => {
      const vaultId = request?.vaultId ?? request;
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

/** The event that subscribers receive. */
export const eventOf = (source, actor, more) => ({ source, actor, timestamp: new Date().toISOString(), ...more });
