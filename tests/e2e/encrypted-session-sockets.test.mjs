// I6 for sessions without a row: a live socket ends with its token, by its time, by a sign-out on any node, and with
// its user; on every node, by every transport.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BulkSubscriber } from "./lib/bulk-subscriber.mjs";
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

async function sealed(user = member.user, options = {}) {
  const cookie = cookieHeader(await encryptV5(claimsFor(user), SECRET, options));
  return new RestClient(world.server.url, cookie, user);
}

async function vaultWithMember(user = member.user) {
  const vault = await owner.createVault("Sealed");
  await owner.addMember(vault.id, user, "viewer");
  return vault;
}

/** A client of this session by each transport on each node, in the vault's room. */
function everywhere(session, vault) {
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

async function assertCut(t, clients, from) {
  for (const client of clients) await client.until(() => client.disconnects === 1, `cut off, ${client.where}`);
  t.diagnostic(`all cut off ${Math.round(performance.now() - from)} ms after; promised is a second`);
}

async function assertGone(vault, gone, staying = []) {
  const counts = gone.map((client) => client.eventsOf(vault.id).length);
  const { seq } = await owner.createSource(vault.id, "Not for a session that is over");
  for (const client of staying) {
    await client.until(() => client.lastSeq(vault.id) === seq, `live, ${client.where}`);
    assert.equal(client.disconnects, 0, client.where);
  }
  for (const [i, client] of gone.entries()) {
    client.socket.connect();
    await client.until(() => client.latest.connect_error === "UNAUTHORIZED", `the refusal, ${client.where}`);
    assert.equal(client.eventsOf(vault.id).length, counts[i], `nothing more, ${client.where}`);
  }
}

test("I3: a socket with such a token joins and hears events as any other", async () => {
  const vault = await vaultWithMember();
  const clients = await everywhere(await sealed(), vault);
  const { seq } = await owner.createSource(vault.id);
  for (const client of clients) await client.until(() => client.lastSeq(vault.id) === seq, `live, ${client.where}`);
});

test("none or a bad one: UNAUTHORIZED, by every transport", async () => {
  const wrong = new RestClient(world.server.url, cookieHeader(await encryptV5(claimsFor(member.user), newSecret())));
  for (const transports of TRANSPORTS) {
    const client = world.defer(new BulkSubscriber(world.server.url, { cookie: wrong.cookie, transports }), (c) =>
      c.close(),
    );
    assert.equal(await client.until(() => client.latest.connect_error, "the refusal"), "UNAUTHORIZED");
  }
});

test("I6: at its end, the tolerance of 15 s included, and not before", async (t) => {
  const vault = await vaultWithMember();
  const staying = await everywhere(await sealed(), vault);
  // Begun as Auth.js begins it, 12 s ago: 3 s are left of the tolerance.
  const session = await sealed(member.user, { maxAge: -12 });
  const gone = await everywhere(session, vault);
  const { expires } = (await session.expect(200, "GET", "/api/auth/session")).body;
  const end = performance.now() + Date.parse(expires) - Date.now();
  for (const client of gone) {
    await client.until(() => client.disconnects === 1, `cut off, ${client.where}`);
    assert.ok(performance.now() >= end - 50, "not before its time");
  }
  t.diagnostic(`all cut off ${Math.round(performance.now() - end)} ms after the end; promised is a second`);
  await assertGone(vault, gone, staying);
});

for (const [what, version, signOut] of [
  ["signed out by REST, version 5", 5, (session) => session.expect(204, "POST", "/api/auth/logout")],
  ["signed out by REST, version 4", 4, (session) => session.expect(204, "POST", "/api/auth/logout")],
  ["signed out as Auth.js does", 5, signOutByAuthJs],
]) {
  test(`I6: ${what}: its sockets on every node are cut off, those of the user's other tokens stay`, async (t) => {
    const vault = await vaultWithMember();
    const session =
      version === 5
        ? await sealed()
        : new RestClient(
            world.server.url,
            cookieHeader(await encryptV4(claimsFor(member.user), SECRET), V4_COOKIE),
            member.user,
          );
    const [gone, staying] = [await everywhere(session, vault), await everywhere(await sealed(), vault)];
    const from = performance.now();
    await signOut(session.at(nodes[1]));
    await assertCut(t, gone, from);
    await assertGone(vault, gone, staying);
    for (const node of nodes) assert.equal((await session.at(node).request("GET", "/api/vaults")).status, 401);
    // Again is no error; and nothing but a hash is kept, until the token ends by itself.
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

test("a sign-out with a token that is no session leaves no row", async () => {
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

test("I6: with its user: the deletion of an account cuts its sockets off", async (t) => {
  const leaving = await world.signUp("Leaving");
  const session = await sealed(leaving.user);
  const clients = [];
  for (const node of nodes) {
    const client = await BulkSubscriber.connect(node.url, session);
    clients.push(world.defer(client, () => client.close()));
  }
  const from = performance.now();
  await world.database.rows("DELETE FROM users WHERE id = $1", [leaving.user.id]);
  await assertCut(t, clients, from);
  assert.equal((await session.expect(200, "GET", "/api/auth/session")).body, null);
});

test("I6: a token revoked while the database is away, for longer than nodes look back, is found afterwards", async (t) => {
  const vault = await vaultWithMember();
  const ending = await sealed();
  const [gone, staying] = [await everywhere(ending, vault), await everywhere(await sealed(), vault)];
  const rows = await everywhere(member, vault);
  const survivor = world.defer(await world.database.connection(), (connection) => connection.end());
  await world.database.allowConnections(false);
  try {
    await world.database.terminateBackends(survivor.processID);
    const token = ending.cookie.split("=")[1];
    await survivor.query("INSERT INTO revoked_tokens VALUES (sha256($1), now() + interval '1 hour')", [token]);
    // Not a wait for something: this is how long it is away. Beyond 15 s a node asks for all its sessions.
    await pause(16_500);
  } finally {
    await world.database.allowConnections(true);
  }
  await assertCut(t, gone, performance.now());
  await assertGone(vault, gone, [...staying, ...rows]);
});

test("housekeeping keeps a revocation until the token has ended, and no longer", async () => {
  await world.database.rows(
    `INSERT INTO revoked_tokens
     VALUES (sha256('over'), now() - interval '25 hours'), (sha256('ended'), now() - interval '1 hour')`,
  );
  // It is done at the start of a node.
  await world.startServer();
  const left = async (text) =>
    (await world.database.rows("SELECT FROM revoked_tokens WHERE token_hash = sha256($1)", [text])).length;
  await eventually(async () => (await left("over")) === 0, "the old one goes");
  assert.equal(await left("ended"), 1);
});
