// I9: a mutation repeated with its Idempotency-Key is applied once and answered the same, through crashes too.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitForBlocked } from "./lib/append.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { TcpProxy } from "./lib/tcp-proxy.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

let world, owner, member;
before(async () => {
  world = await World.open({ users: ["owner", "member"] });
  ({ owner, member } = world.users);
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

/** One request with a key; what of its answer must be the same again. */
async function send(rest, key, method, path, body, headers = {}) {
  const response = await fetch(rest.url + path, {
    method,
    headers: {
      cookie: rest.cookie,
      ...(key !== undefined && { "idempotency-key": key }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  const said = Object.fromEntries(
    ["x-vault-seq", "etag", "location", "content-type"].map((name) => [name, response.headers.get(name)]),
  );
  return { status: response.status, ...said, text: await response.text() };
}

function assertProblem({ status, text, "content-type": type }, expected, code) {
  assert.equal(status, expected, text);
  assert.match(type, /^application\/problem\+json/);
  assert.deepEqual([JSON.parse(text).status, JSON.parse(text).code], [expected, code]);
}

const sourcesOf = (vault) => `/api/vaults/${vault.id}/sources`;
const head = (vault) => world.database.headSeq(vault.id);

/** How many events of the vault's log hold that text. */
const timesInLog = async (vaultId, text) =>
  (await world.database.log(vaultId)).filter(({ payload }) => payload.includes(text)).length;

describe("I9: the same request again", () => {
  // Each prepares a vault, and says what to send.
  const routes = {
    "PATCH /api/vaults/{vaultId}": async (vault) => ["PATCH", `/api/vaults/${vault.id}`, { name: "Renamed" }],
    "DELETE /api/vaults/{vaultId}": async (vault) => ["DELETE", `/api/vaults/${vault.id}`],
    "POST …/members": async (vault) => [
      "POST",
      `/api/vaults/${vault.id}/members`,
      { email: member.user.email, role: "viewer" },
    ],
    "PATCH …/members/{userId}": async (vault) => {
      await owner.addMember(vault.id, member.user, "viewer");
      return ["PATCH", `/api/vaults/${vault.id}/members/${member.user.id}`, { role: "contributor" }];
    },
    "DELETE …/members/{userId}": async (vault) => {
      await owner.addMember(vault.id, member.user, "viewer");
      return ["DELETE", `/api/vaults/${vault.id}/members/${member.user.id}`];
    },
    "POST …/sources": async (vault) => [
      "POST",
      sourcesOf(vault),
      { title: 'Ünï"cödé \u{1F600}', fileUrl: "https://a.test/é" },
    ],
    "PATCH /api/sources/{sourceId}": async (vault) => {
      const source = await owner.createSource(vault.id);
      return ["PATCH", `/api/sources/${source.id}`, { title: "Revised" }];
    },
    "DELETE /api/sources/{sourceId}": async (vault) => {
      const source = await owner.createSource(vault.id);
      return ["DELETE", `/api/sources/${source.id}`];
    },
  };
  for (const [route, prepare] of Object.entries(routes)) {
    test(`${route}: the answer to the byte, with its headers, and one event`, async () => {
      const vault = await world.vault();
      const request = await prepare(vault);
      const before = await head(vault);
      const key = randomUUID();
      const first = await send(owner, key, ...request);
      assert.ok(first.status < 300, first.text);
      assert.equal(first["x-vault-seq"], String(before + 1));
      for (let i = 0; i < 3; i++) assert.deepEqual(await send(owner, key, ...request), first);
      assert.equal(await head(vault), before + 1);
      assert.equal((await world.database.log(vault.id)).length, before + 1);
    });
  }

  test("POST /api/vaults: the answer to the byte, with its headers, and one vault", async () => {
    const key = randomUUID();
    const name = `Once ${key}`;
    const first = await send(owner, key, "POST", "/api/vaults", { name });
    assert.deepEqual([first.status, first["x-vault-seq"]], [201, "1"], first.text);
    assert.ok(first.location);
    for (let i = 0; i < 3; i++) assert.deepEqual(await send(owner, key, "POST", "/api/vaults", { name }), first);
    const { vaults } = (await owner.expect(200, "GET", "/api/vaults")).body;
    assert.equal(vaults.filter((vault) => vault.name === name).length, 1);
  });

  test("without a key, and with another one, it is applied again", async () => {
    const vault = await world.vault();
    for (const key of [undefined, undefined, randomUUID(), randomUUID()]) {
      assert.equal((await send(owner, key, "POST", sourcesOf(vault), newSource())).status, 201);
    }
    assert.equal(await head(vault), 5);
  });

  test("later, when the world has moved on, it is still the first answer", async () => {
    const vault = await world.vault();
    const source = await owner.createSource(vault.id);
    const [created, updated, deleted] = [randomUUID(), randomUUID(), randomUUID()];
    const create = () => send(owner, created, "POST", sourcesOf(vault), newSource("Moved on"));
    // With the ETag it began with: on its own account the repetition would be a 412.
    const update = () =>
      send(owner, updated, "PATCH", `/api/sources/${source.id}`, { title: "New" }, { "if-match": '"1"' });
    const remove = () => send(owner, deleted, "DELETE", `/api/sources/${source.id}`);
    const first = [await create(), await update(), await remove()];
    assert.deepEqual(
      first.map(({ status }) => status),
      [201, 200, 204],
    );
    assert.equal(first[1].etag, '"2"');
    await owner.expect(204, "DELETE", `/api/sources/${JSON.parse(first[0].text).source.id}`);
    const before = await head(vault);
    assert.deepEqual([await create(), await update(), await remove()], first);
    assert.equal(await head(vault), before);
    await owner.expect(204, "DELETE", `/api/vaults/${vault.id}`);
    assert.deepEqual(await create(), first[0], "even after its vault is gone");
  });

  test("by another node, and after a restart", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesOf(vault), newSource());
    const other = await world.startServer();
    assert.deepEqual(await send(owner.at(other), key, "POST", sourcesOf(vault), newSource()), first);
    await other.end("SIGKILL");
    const again = await world.startServer();
    assert.deepEqual(await send(owner.at(again), key, "POST", sourcesOf(vault), newSource()), first);
    assert.equal(await head(vault), 2);
    await again.end("SIGKILL");
  });
});

describe("I9: another request with the key", () => {
  test("another body, path, method or If-Match: 422, and nothing is done; then the first is answered as before", async () => {
    const [vault, second] = [await world.vault(), await world.vault()];
    const source = await owner.createSource(vault.id);
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesOf(vault), newSource("One"));
    assert.equal(first.status, 201);
    const before = [await head(vault), await head(second)];
    for (const request of [
      ["POST", sourcesOf(vault), newSource("Two")],
      ["POST", sourcesOf(vault), { ...newSource("One"), fileUrl: "https://example.test/other.pdf" }],
      ["POST", sourcesOf(second), newSource("One")],
      ["PATCH", `/api/sources/${source.id}`, newSource("One")],
      ["DELETE", `/api/sources/${source.id}`],
      ["DELETE", `/api/vaults/${vault.id}`],
      ["POST", "/api/vaults", { name: "One" }],
    ]) {
      assertProblem(await send(owner, key, ...request), 422, "IDEMPOTENCY_KEY_REUSED");
    }
    const updated = randomUUID();
    const patch = (headers) => send(owner, updated, "PATCH", `/api/sources/${source.id}`, { title: "New" }, headers);
    assert.equal((await patch({ "if-match": '"1"' })).status, 200);
    assertProblem(await patch({ "if-match": '"2"' }), 422, "IDEMPOTENCY_KEY_REUSED");
    assertProblem(await patch({}), 422, "IDEMPOTENCY_KEY_REUSED");
    assert.deepEqual([await head(vault), await head(second)], [before[0] + 1, before[1]]);
    assert.deepEqual(await send(owner, key, "POST", sourcesOf(vault), newSource("One")), first);
  });

  test("the same body written otherwise is the same request", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesOf(vault), { title: "T", fileUrl: "https://a.test/" });
    assert.deepEqual(
      await send(owner, key, "POST", sourcesOf(vault), { fileUrl: "https://a.test/", title: "T" }),
      first,
    );
  });

  test("keys of different users do not meet", async () => {
    const vault = await world.vault();
    await owner.addMember(vault.id, member.user, "contributor");
    const key = randomUUID();
    const mine = await send(owner, key, "POST", sourcesOf(vault), newSource("Mine"));
    const theirs = await send(member, key, "POST", sourcesOf(vault), newSource("Theirs"));
    assert.deepEqual([mine.status, theirs.status], [201, 201]);
    assert.notEqual(mine["x-vault-seq"], theirs["x-vault-seq"]);
    assert.deepEqual(await send(owner, key, "POST", sourcesOf(vault), newSource("Mine")), mine);
    assert.deepEqual(await send(member, key, "POST", sourcesOf(vault), newSource("Theirs")), theirs);
  });

  test("a key that is none: 422 for empty, too long, or other than visible ASCII", async () => {
    const vault = await world.vault();
    for (const bad of ["", "k".repeat(256), "two words", "\u00e9"]) {
      assertProblem(await send(owner, bad, "POST", sourcesOf(vault), newSource()), 422, "INVALID");
    }
    assert.equal(await head(vault), 1);
    assert.equal((await send(owner, "k".repeat(255), "POST", sourcesOf(vault), newSource())).status, 201);
  });
});

describe("I9: at the same time", () => {
  test("while the first is under way, the second is answered 409, and the first answer afterwards", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const lock = world.defer(await world.database.connection(), (connection) => connection.end());
    await lock.query("BEGIN");
    await lock.query("SELECT FROM vaults WHERE id = $1 FOR UPDATE", [vault.id]);
    const first = send(owner, key, "POST", sourcesOf(vault), newSource());
    await waitForBlocked(world.database);
    assertProblem(await send(owner, key, "POST", sourcesOf(vault), newSource()), 409, "IDEMPOTENCY_KEY_IN_FLIGHT");
    assert.equal((await send(owner, randomUUID(), "POST", "/api/vaults", { name: "V" })).status, 201, "another key");
    await lock.query("ROLLBACK");
    assert.equal((await first).status, 201);
    assert.deepEqual(await send(owner, key, "POST", sourcesOf(vault), newSource()), await first);
    assert.equal(await head(vault), 2);
  });

  test("ten at once, on two nodes, thirty times: one is applied, the others get its answer or 409", async () => {
    const other = await world.startServer();
    const vault = await world.vault();
    for (let round = 0; round < 30; round++) {
      const key = randomUUID();
      const title = `Round ${round} ${key}`;
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          send(i % 2 ? owner : owner.at(other), key, "POST", sourcesOf(vault), newSource(title)),
        ),
      );
      const [first] = answers.filter(({ status }) => status === 201);
      assert.ok(first, JSON.stringify(answers[0]));
      for (const answer of answers) {
        if (answer.status === 201) assert.deepEqual(answer, first);
        else assertProblem(answer, 409, "IDEMPOTENCY_KEY_IN_FLIGHT");
      }
      assert.equal(await timesInLog(vault.id, key), 1, `round ${round}`);
    }
    assert.equal(await head(vault), 31);
    assertNoPanic(other);
    await other.end("SIGKILL");
  });
});

describe("I9: a refused request leaves no note", () => {
  test("403, 404, 409, 412, 422 and 400: judged anew, and with another body too", async () => {
    const vault = await world.vault();
    await owner.addMember(vault.id, member.user, "viewer");
    const source = await owner.createSource(vault.id);
    const path = `/api/sources/${source.id}`;
    const keys = Array.from({ length: 6 }, () => randomUUID());
    const forbidden = () => send(member, keys[0], "POST", sourcesOf(vault), newSource());
    assert.equal((await forbidden()).status, 403);
    const unknown = () =>
      send(member, keys[1], "PATCH", `/api/vaults/${vault.id}/members/${randomUUID()}`, { role: "viewer" });
    assert.equal((await unknown()).status, 403);
    const lastOwner = () => send(owner, keys[2], "DELETE", `/api/vaults/${vault.id}/members/${owner.user.id}`);
    assert.equal((await lastOwner()).status, 409);
    const stale = (version) => send(owner, keys[3], "PATCH", path, { title: "New" }, { "if-match": `"${version}"` });
    assert.equal((await stale(7)).status, 412);
    const invalid = (title) => send(owner, keys[4], "POST", sourcesOf(vault), { title, fileUrl: "https://a.test/" });
    assert.equal((await invalid("")).status, 422);
    const malformed = (body) => send(owner, keys[5], "POST", sourcesOf(vault), body);
    assert.equal((await malformed({ titel: "Typo" })).status, 400);
    assert.deepEqual(await world.database.rows("SELECT FROM idempotency_keys WHERE key = ANY($1)", [keys]), []);

    await owner.expect(200, "PATCH", `/api/vaults/${vault.id}/members/${member.user.id}`, { role: "owner" });
    assert.equal((await forbidden()).status, 201);
    assert.equal((await unknown()).status, 404);
    assert.equal((await stale(1)).status, 200);
    assert.equal((await invalid("Valid")).status, 201);
    assert.equal((await malformed(newSource())).status, 201);
    assert.equal((await lastOwner()).status, 204);
  });
});

describe("I9: crashes", () => {
  test("killed 20 times after sending, by the answer held back or at random, and repeated until answered: applied once", async (t) => {
    const own = await World.open();
    t.after(async () => {
      await own.close();
      assertNoPanic(own.server);
    });
    const vault = await own.vault();
    const { port } = own.server;
    const proxy = own.defer(await TcpProxy.start(port), (it) => it.close());
    const direct = own.users.owner;
    const delayed = direct.at(proxy);
    const rowsOf = async (key) => (await own.database.log(vault.id)).filter(({ payload }) => payload.includes(key));
    let server = own.server;
    const fates = { answered: 0, done: 0, undone: 0 };
    for (let round = 0; round < 20; round++) {
      const key = randomUUID();
      const body = newSource(`Round ${round} ${key}`);
      const post = (rest) => send(rest, key, "POST", sourcesOf(vault), body).catch(() => null);
      const heldBack = round % 2 === 0;
      if (heldBack) proxy.hold();
      const first = post(heldBack ? delayed : direct);
      if (heldBack) await eventually(async () => (await rowsOf(key)).length === 1, "the change is made");
      // Not to wait for anything: the moment is what is varied.
      else await pause(Math.random() * 50);
      await server.end("SIGKILL");
      proxy.cut();
      proxy.release();
      const answer = await first;
      if (heldBack) assert.equal(answer, null, "the answer was lost");
      fates[answer ? "answered" : (await rowsOf(key)).length ? "done" : "undone"]++;

      server = await own.startServer({ port });
      const again = await eventually(async () => {
        const said = await post(direct);
        assert.ok(said === null || [201, 409, 503].includes(said.status), said?.text);
        return said?.status === 201 && said;
      }, "an answer");
      if (answer) assert.deepEqual(again, answer, "what was answered before the kill is the answer");
      const rows = await rowsOf(key);
      assert.equal(rows.length, 1, `round ${round}: applied once`);
      assert.equal(again["x-vault-seq"], String(rows[0].seq));
      assert.deepEqual(JSON.parse(again.text).source, JSON.parse(rows[0].payload).source);
    }
    assert.equal(await own.database.headSeq(vault.id), 21);
    assert.ok(fates.done >= 10, JSON.stringify(fates));
    t.diagnostic(
      `at the kill: answered ${fates.answered}, done but not answered ${fates.done}, not done ${fates.undone}`,
    );
  });

  test("its database connection killed in the middle, 10 times: repeated until answered, applied exactly once", async () => {
    const vault = await world.vault();
    for (let round = 0; round < 10; round++) {
      const key = randomUUID();
      const post = () => send(owner, key, "POST", sourcesOf(vault), newSource(key));
      const first = post();
      await pause(Math.random() * 5);
      await world.database.terminateBackends();
      const early = await first;
      assert.ok([201, 503].includes(early.status), early.text);
      const again = await eventually(async () => {
        const said = await post();
        assert.ok([201, 409, 503].includes(said.status), said.text);
        return said.status === 201 && said;
      }, "an answer");
      if (early.status === 201) assert.deepEqual(again, early);
      assert.equal(await timesInLog(vault.id, key), 1);
    }
  });
});

describe("I9: expiry", () => {
  test("after SYNCSCRIPT_IDEMPOTENCY_LIFETIME_S the key is new again, for another request too", async () => {
    const server = await world.startServer({ env: { SYNCSCRIPT_IDEMPOTENCY_LIFETIME_S: "1" } });
    const rest = owner.at(server);
    const vault = await world.vault();
    for (const title of ["The same", "Another"]) {
      const key = randomUUID();
      const first = await send(rest, key, "POST", sourcesOf(vault), newSource("The same"));
      const from = performance.now();
      const again = await send(rest, key, "POST", sourcesOf(vault), newSource("The same"));
      if (performance.now() - from < 500) assert.deepEqual(again, first);
      const later = await eventually(async () => {
        const said = await send(rest, key, "POST", sourcesOf(vault), newSource(title));
        assert.ok([201, 422].includes(said.status), said.text);
        return said.status === 201 && said["x-vault-seq"] !== first["x-vault-seq"] && said;
      }, "applied anew");
      assert.ok(performance.now() - from > 800, "not before its time");
      assert.notEqual(JSON.parse(later.text).source.id, JSON.parse(first.text).source.id);
    }
    await server.end("SIGKILL");
  });
});
