// I6 for encrypted sessions, which have no database row: live sockets end when the token expires, is signed out on any
// node, or loses its user, on every node and by every transport.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
import { assertDisconnected } from "./lib/cut-off.mjs";
import { claimsFor, cookieHeader, encryptV4, encryptV5, newSecret, V4_COOKIE } from "./lib/encrypted-session.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RestClient } from "./lib/rest.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

const SECRET = newSecret();
const TRANSPORTS = [["websocket"], ["polling"], ["polling", "websocket"]];

let world, nodes, owner, member;
before(async () => {
  const env = { AUTH_SECRET: SECRET };
  world = await World.open({ users: ["owner", "member"], env });
  ({ owner, member } = world.users);
  nodes = [world.server, await world.startServer({ env })];
});
after(async () => {
  await world?.close();
  if (nodes) assertNoPanic(...nodes);
});

async function encryptedSession(user = member.user, options = {}) {
  const cookie = cookieHeader(await encryptV5(claimsFor(user), SECRET, options));
  return new RestClient(world.server.url, cookie, user);
}

async function vaultWithMember(user = member.user) {
  const vault = await owner.createVault("Encrypted sessions");
  await owner.addMember(vault.id, user, "viewer");
  return vault;
}

/** Connects a client of this session by each transport on each node and joins the vault's room. */
function connectEverywhere(session, vault) {
  const places = nodes.flatMap((node, n) => TRANSPORTS.map((transports) => ({ node, n, transports })));
  return Promise.all(
    places.map(async ({ node, n, transports }) => {
      const client = await BulkSubscriber.connect(node.url, session, { transports });
      world.defer(client, () => client.close());
      client.where = `${transports.join(" then ")} on node ${n + 1}`;
      await client.join(vault.id);
      return client;
    }),
  );
}

async function assertSessionEnded(vault, ended, staying = []) {
  const counts = ended.map((client) => client.eventsOf(vault.id).length);
  const { seq } = await owner.createSource(vault.id, "Not for an ended session");
  for (const client of staying) {
    await client.until(() => client.lastSeq(vault.id) === seq, `the live event, ${client.where}`);
    assert.equal(client.disconnects, 0, client.where);
  }
  for (const [i, client] of ended.entries()) {
    client.socket.connect();
    await client.until(() => client.latest.connect_error === "UNAUTHORIZED", `the rejection, ${client.where}`);
    assert.equal(client.eventsOf(vault.id).length, counts[i], `no further event, ${client.where}`);
  }
}

test("I3: a socket with an encrypted session joins and receives events like any other", async () => {
  const vault = await vaultWithMember();
  const clients = await connectEverywhere(await encryptedSession(), vault);
  const { seq } = await owner.createSource(vault.id);
  for (const client of clients) await client.until(() => client.lastSeq(vault.id) === seq, `live, ${client.where}`);
});

test("an invalid token: UNAUTHORIZED, by every transport", async () => {
  const invalid = new RestClient(world.server.url, cookieHeader(await encryptV5(claimsFor(member.user), newSecret())));
  for (const transports of TRANSPORTS) {
    const client = world.defer(new BulkSubscriber(world.server.url, { cookie: invalid.cookie, transports }), (c) =>
      c.close(),
    );
    assert.equal(await client.until(() => client.latest.connect_error, "the rejection"), "UNAUTHORIZED");
  }
});

test("I6: sockets end when the token expires, including the tolerance of 15 s, and not earlier", async (t) => {
  const vault = await vaultWithMember();
  const staying = await connectEverywhere(await encryptedSession(), vault);
  // Expired 12 s ago, so 3 s of the tolerance are left.
  const session = await encryptedSession(member.user, { maxAge: -12 });
  const ended = await connectEverywhere(session, vault);
  const { expires } = (await session.expect(200, "GET", "/api/auth/session")).body;
  const end = performance.now() + Date.parse(expires) - Date.now();
  await assertDisconnected(t, ended, end);
  for (const client of ended)
    assert.ok(client.received.find(({ name }) => name === "disconnect").at >= end - 50, "not too early");
  await assertSessionEnded(vault, ended, staying);
});

for (const [what, version, signOut] of [
  ["signed out by REST, version 5", 5, (session) => session.expect(204, "POST", "/api/auth/logout")],
  ["signed out by REST, version 4", 4, (session) => session.expect(204, "POST", "/api/auth/logout")],
  ["signed out by the Auth.js route", 5, signOutByAuthJs],
]) {
  test(`I6: ${what}: its sockets on every node are disconnected, those of the user's other tokens stay`, async (t) => {
    const vault = await vaultWithMember();
    const session =
      version === 5
        ? await encryptedSession()
        : new RestClient(
            world.server.url,
            cookieHeader(await encryptV4(claimsFor(member.user), SECRET), V4_COOKIE),
            member.user,
          );
    const [ended, staying] = [
      await connectEverywhere(session, vault),
      await connectEverywhere(await encryptedSession(), vault),
    ];
    await signOut(session.at(nodes[1]));
    await assertDisconnected(t, ended, performance.now());
    await assertSessionEnded(vault, ended, staying);
    for (const node of nodes) assert.equal((await session.at(node).request("GET", "/api/vaults")).status, 401);
    // Signing out again is not an error. The server keeps only a hash, until the token expires.
    await session.expect(204, "POST", "/api/auth/logout");
    const token = session.cookie.split("=")[1];
    const rows = await world.database.rows(
      "SELECT expires_at > now() + interval '55 minutes' AS kept FROM revoked_tokens WHERE token_hash = sha256($1)",
      [token],
    );
    assert.deepEqual(rows, [{ kept: true }]);
  });
}

async function signOutByAuthJs(session) {
  const csrf = await session.expect(200, "GET", "/api/auth/csrf");
  const cookie = `${session.cookie}; ${csrf.headers.getSetCookie()[0].split(";")[0]}`;
  const response = await fetch(`${session.url}/api/auth/signout`, {
    method: "POST",
    headers: { cookie, "x-auth-return-redirect": "1" },
    body: new URLSearchParams({ csrfToken: csrf.body.csrfToken }),
  });
  assert.equal(response.status, 200);
}

test("a sign-out with an invalid token leaves no row", async () => {
  const count = async () => (await world.database.rows("SELECT count(*)::int AS n FROM revoked_tokens"))[0].n;
  const before = await count();
  for (const token of [
    await encryptV5(claimsFor(member.user), newSecret()),
    await encryptV5(claimsFor(member.user), SECRET, { maxAge: -16 }),
    "a.b.c.d.e",
  ])
    await new RestClient(world.server.url, cookieHeader(token)).expect(204, "POST", "/api/auth/logout");
  assert.equal(await count(), before);
});

test("I6: deleting an account disconnects its sockets", async (t) => {
  const leaving = await world.signUp("Leaving");
  const session = await encryptedSession(leaving.user);
  const clients = [];
  for (const node of nodes) {
    const client = await BulkSubscriber.connect(node.url, session);
    clients.push(world.defer(client, () => client.close()));
  }
  await world.database.rows("DELETE FROM users WHERE id = $1", [leaving.user.id]);
  await assertDisconnected(t, clients, performance.now());
  assert.equal((await session.expect(200, "GET", "/api/auth/session")).body, null);
});

test("I6: sessions that end at the start of a database outage longer than the nodes' look-back are found afterwards", async (t) => {
  const vault = await vaultWithMember();
  const ending = await encryptedSession();
  const endingRow = await new RestClient(world.server.url).login(member.user.email);
  const ended = [...(await connectEverywhere(ending, vault)), ...(await connectEverywhere(endingRow, vault))];
  const staying = [
    ...(await connectEverywhere(await encryptedSession(), vault)),
    ...(await connectEverywhere(member, vault)),
  ];
  const survivor = world.defer(await world.database.connection(), (connection) => connection.end());
  await world.database.allowConnections(false);
  try {
    await world.database.terminateBackends(survivor.processID);
    const tokenOf = (session) => session.cookie.split("=")[1];
    await survivor.query("INSERT INTO revoked_tokens VALUES (sha256($1), now() + interval '1 hour')", [
      tokenOf(ending),
    ]);
    const { rowCount } = await survivor.query("DELETE FROM sessions WHERE token_hash = sha256($1)", [
      tokenOf(endingRow),
    ]);
    assert.equal(rowCount, 1);
    // Not a wait for a condition: the outage outlasts CHANGES_WINDOW (30 s) of src/realtime/session_watch.rs, so that the
    // recent changes of sessions no longer include these two.
    await pause(32_000);
    for (const client of [...ended, ...staying]) assert.equal(client.disconnects, 0, client.where);
  } finally {
    await world.database.allowConnections(true);
  }
  await assertDisconnected(t, ended, performance.now());
  await assertSessionEnded(vault, ended, staying);
});

test("housekeeping keeps a revocation until the token has expired, and no longer", async () => {
  await world.database.rows(
    `INSERT INTO revoked_tokens
     VALUES (sha256('over'), now() - interval '25 hours'), (sha256('ended'), now() - interval '1 hour')`,
  );
  // Housekeeping runs when a node starts.
  await world.startServer();
  const left = async (text) =>
    (await world.database.rows("SELECT FROM revoked_tokens WHERE token_hash = sha256($1)", [text])).length;
  await eventually(async () => (await left("over")) === 0, "the old revocation is deleted");
  assert.equal(await left("ended"), 1);
});
