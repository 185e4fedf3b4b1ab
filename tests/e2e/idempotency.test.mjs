// I9: a mutation repeated with its Idempotency-Key is applied once and gets the same response, even across crashes.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitForBlocked } from "./lib/append.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { TcpProxy } from "./lib/tcp-proxy.mjs";
import { eventually, isConnectionLost } from "./lib/wait.mjs";
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

/** Sends one request with a key. Returns the parts of the response that must not change when it is repeated. */
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
  const headersToCompare = Object.fromEntries(
    ["x-vault-seq", "etag", "location", "content-type"].map((name) => [name, response.headers.get(name)]),
  );
  return { status: response.status, ...headersToCompare, text: await response.text() };
}

function assertProblem({ status, text, "content-type": type }, expected, code) {
  assert.equal(status, expected, text);
  assert.match(type, /^application\/problem\+json/);
  assert.deepEqual([JSON.parse(text).status, JSON.parse(text).code], [expected, code]);
}

const sourcesPath = (vault) => `/api/vaults/${vault.id}/sources`;
const head = (vault) => world.database.headSeq(vault.id);

/** The number of events in the vault's log that contain the text. */
const countInLog = async (vaultId, text) =>
  (await world.database.log(vaultId)).filter(({ payload }) => payload.includes(text)).length;

describe("I9: a repeated request", () => {
  // Each entry prepares a vault and returns the request.
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
      sourcesPath(vault),
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
    test(`${route}: a byte-identical response with its headers, and one event`, async () => {
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

  test("POST /api/vaults: a byte-identical response with its headers, and one vault", async () => {
    const key = randomUUID();
    const name = `Once ${key}`;
    const first = await send(owner, key, "POST", "/api/vaults", { name });
    assert.deepEqual([first.status, first["x-vault-seq"]], [201, "1"], first.text);
    assert.ok(first.location);
    for (let i = 0; i < 3; i++) assert.deepEqual(await send(owner, key, "POST", "/api/vaults", { name }), first);
    const { vaults } = (await owner.expect(200, "GET", "/api/vaults")).body;
    assert.equal(vaults.filter((vault) => vault.name === name).length, 1);
  });

  test("without a key or with another key the request is applied again", async () => {
    const vault = await world.vault();
    for (const key of [undefined, undefined, randomUUID(), randomUUID()]) {
      assert.equal((await send(owner, key, "POST", sourcesPath(vault), newSource())).status, 201);
    }
    assert.equal(await head(vault), 5);
  });

  test("after later changes the response is still the first one", async () => {
    const vault = await world.vault();
    const source = await owner.createSource(vault.id);
    const [created, updated, deleted] = [randomUUID(), randomUUID(), randomUUID()];
    const create = () => send(owner, created, "POST", sourcesPath(vault), newSource("Moved on"));
    // With the original ETag: without the key the repetition would get 412.
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
    assert.deepEqual(await create(), first[0], "even after the vault is deleted");
  });

  test("another node gives the same response, also after a restart", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesPath(vault), newSource());
    const other = await world.startServer();
    assert.deepEqual(await send(owner.at(other), key, "POST", sourcesPath(vault), newSource()), first);
    await other.end("SIGKILL");
    const again = await world.startServer();
    assert.deepEqual(await send(owner.at(again), key, "POST", sourcesPath(vault), newSource()), first);
    assert.equal(await head(vault), 2);
    await again.end("SIGKILL");
  });
});

describe("I9: a different request with the same key", () => {
  test("another body, path, method or If-Match: 422 without effect; the first request still gets its response", async () => {
    const [vault, second] = [await world.vault(), await world.vault()];
    const source = await owner.createSource(vault.id);
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesPath(vault), newSource("One"));
    assert.equal(first.status, 201);
    const before = [await head(vault), await head(second)];
    for (const request of [
      ["POST", sourcesPath(vault), newSource("Two")],
      ["POST", sourcesPath(vault), { ...newSource("One"), fileUrl: "https://example.test/other.pdf" }],
      ["POST", sourcesPath(second), newSource("One")],
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
    assert.deepEqual(await send(owner, key, "POST", sourcesPath(vault), newSource("One")), first);
  });

  test("the same body in a different notation is the same request", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const first = await send(owner, key, "POST", sourcesPath(vault), { title: "T", fileUrl: "https://a.test/" });
    assert.deepEqual(
      await send(owner, key, "POST", sourcesPath(vault), { fileUrl: "https://a.test/", title: "T" }),
      first,
    );
  });

  test("different users can use the same key", async () => {
    const vault = await world.vault();
    await owner.addMember(vault.id, member.user, "contributor");
    const key = randomUUID();
    const mine = await send(owner, key, "POST", sourcesPath(vault), newSource("Mine"));
    const theirs = await send(member, key, "POST", sourcesPath(vault), newSource("Theirs"));
    assert.deepEqual([mine.status, theirs.status], [201, 201]);
    assert.notEqual(mine["x-vault-seq"], theirs["x-vault-seq"]);
    assert.deepEqual(await send(owner, key, "POST", sourcesPath(vault), newSource("Mine")), mine);
    assert.deepEqual(await send(member, key, "POST", sourcesPath(vault), newSource("Theirs")), theirs);
  });

  test("an invalid key: 422 if it is empty, too long or not visible ASCII", async () => {
    const vault = await world.vault();
    for (const bad of ["", "k".repeat(256), "two words", "\u00e9"]) {
      assertProblem(await send(owner, bad, "POST", sourcesPath(vault), newSource()), 422, "INVALID");
    }
    assert.equal(await head(vault), 1);
    assert.equal((await send(owner, "k".repeat(255), "POST", sourcesPath(vault), newSource())).status, 201);
  });
});

describe("I9: concurrent requests", () => {
  test("while the first request runs, a second gets 409; afterwards it gets the first response", async () => {
    const vault = await world.vault();
    const key = randomUUID();
    const lock = world.defer(await world.database.connection(), (connection) => connection.end());
    await lock.query("BEGIN");
    await lock.query("SELECT FROM vaults WHERE id = $1 FOR UPDATE", [vault.id]);
    const first = send(owner, key, "POST", sourcesPath(vault), newSource());
    await waitForBlocked(world.database);
    assertProblem(await send(owner, key, "POST", sourcesPath(vault), newSource()), 409, "IDEMPOTENCY_KEY_IN_FLIGHT");
    assert.equal((await send(owner, randomUUID(), "POST", "/api/vaults", { name: "V" })).status, 201, "another key");
    await lock.query("ROLLBACK");
    assert.equal((await first).status, 201);
    assert.deepEqual(await send(owner, key, "POST", sourcesPath(vault), newSource()), await first);
    assert.equal(await head(vault), 2);
  });

  test("ten at once on two nodes, thirty times: one is applied, the others get its response or 409", async () => {
    const other = await world.startServer();
    const vault = await world.vault();
    for (let round = 0; round < 30; round++) {
      const key = randomUUID();
      const title = `Round ${round} ${key}`;
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          send(i % 2 ? owner : owner.at(other), key, "POST", sourcesPath(vault), newSource(title)),
        ),
      );
      const [first] = answers.filter(({ status }) => status === 201);
      assert.ok(first, JSON.stringify(answers[0]));
      for (const answer of answers) {
        if (answer.status === 201) assert.deepEqual(answer, first);
        else assertProblem(answer, 409, "IDEMPOTENCY_KEY_IN_FLIGHT");
      }
      assert.equal(await countInLog(vault.id, key), 1, `round ${round}`);
    }
    assert.equal(await head(vault), 31);
    assertNoPanic(other);
    await other.end("SIGKILL");
  });
});

describe("I9: the response to a rejected request is not stored", () => {
  test("403, 404, 409, 412, 422 and 400: the key is evaluated again, also with another body", async () => {
    const vault = await world.vault();
    await owner.addMember(vault.id, member.user, "viewer");
    const source = await owner.createSource(vault.id);
    const path = `/api/sources/${source.id}`;
    const keys = Array.from({ length: 6 }, () => randomUUID());
    const forbidden = () => send(member, keys[0], "POST", sourcesPath(vault), newSource());
    assert.equal((await forbidden()).status, 403);
    const unknown = () =>
      send(member, keys[1], "PATCH", `/api/vaults/${vault.id}/members/${randomUUID()}`, { role: "viewer" });
    assert.equal((await unknown()).status, 403);
    const lastOwner = () => send(owner, keys[2], "DELETE", `/api/vaults/${vault.id}/members/${owner.user.id}`);
    assert.equal((await lastOwner()).status, 409);
    const stale = (version) => send(owner, keys[3], "PATCH", path, { title: "New" }, { "if-match": `"${version}"` });
    assert.equal((await stale(7)).status, 412);
    const invalid = (title) => send(owner, keys[4], "POST", sourcesPath(vault), { title, fileUrl: "https://a.test/" });
    assert.equal((await invalid("")).status, 422);
    const malformed = (body) => send(owner, keys[5], "POST", sourcesPath(vault), body);
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
  test("20 kills, at random or while the response is held back, with retries until answered: applied once", async (t) => {
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
    const outcomes = { answered: 0, applied: 0, notApplied: 0 };
    for (let round = 0; round < 20; round++) {
      const key = randomUUID();
      const body = newSource(`Round ${round} ${key}`);
      const post = (rest) =>
        send(rest, key, "POST", sourcesPath(vault), body).catch((error) => {
          if (isConnectionLost(error)) return null;
          throw error;
        });
      const heldBack = round % 2 === 0;
      if (heldBack) proxy.hold();
      const first = post(heldBack ? delayed : direct);
      if (heldBack) await eventually(async () => (await rowsOf(key)).length === 1, "the mutation is applied");
      // Not a wait for a condition: the moment of the kill varies.
      else await pause(Math.random() * 50);
      await server.end("SIGKILL");
      proxy.cut();
      proxy.release();
      const answer = await first;
      if (heldBack) assert.equal(answer, null, "the response was lost");
      outcomes[answer ? "answered" : (await rowsOf(key)).length ? "applied" : "notApplied"]++;

      server = await own.startServer({ port });
      const again = await eventually(async () => {
        const attempt = await post(direct);
        assert.ok(attempt === null || [201, 409, 503].includes(attempt.status), attempt?.text);
        return attempt?.status === 201 && attempt;
      }, "a response");
      if (answer) assert.deepEqual(again, answer, "the response from before the kill");
      const rows = await rowsOf(key);
      assert.equal(rows.length, 1, `round ${round}: applied once`);
      assert.equal(again["x-vault-seq"], String(rows[0].seq));
      assert.deepEqual(JSON.parse(again.text).source, JSON.parse(rows[0].payload).source);
    }
    assert.equal(await own.database.headSeq(vault.id), 21);
    assert.ok(outcomes.applied >= 10, JSON.stringify(outcomes));
    t.diagnostic(
      `at the kill: ${outcomes.answered} answered, ${outcomes.applied} applied without a response, ${outcomes.notApplied} not applied`,
    );
  });

  test("10 killed database connections, with retries until answered: applied exactly once", async () => {
    const vault = await world.vault();
    for (let round = 0; round < 10; round++) {
      const key = randomUUID();
      const post = () => send(owner, key, "POST", sourcesPath(vault), newSource(key));
      const first = post();
      await pause(Math.random() * 5);
      await world.database.terminateBackends();
      const early = await first;
      assert.ok([201, 503].includes(early.status), early.text);
      const again = await eventually(async () => {
        const attempt = await post();
        assert.ok([201, 409, 503].includes(attempt.status), attempt.text);
        return attempt.status === 201 && attempt;
      }, "a response");
      if (early.status === 201) assert.deepEqual(again, early);
      assert.equal(await countInLog(vault.id, key), 1);
    }
  });
});

describe("I9: expiry", () => {
  test("after SYNCSCRIPT_IDEMPOTENCY_LIFETIME_S the key can be used again, also for another request", async () => {
    const server = await world.startServer({ env: { SYNCSCRIPT_IDEMPOTENCY_LIFETIME_S: "1" } });
    const rest = owner.at(server);
    const vault = await world.vault();
    for (const title of ["The same", "Another"]) {
      const key = randomUUID();
      const first = await send(rest, key, "POST", sourcesPath(vault), newSource("The same"));
      const from = performance.now();
      const again = await send(rest, key, "POST", sourcesPath(vault), newSource("The same"));
      if (performance.now() - from < 500) assert.deepEqual(again, first);
      const later = await eventually(async () => {
        const attempt = await send(rest, key, "POST", sourcesPath(vault), newSource(title));
        assert.ok([201, 422].includes(attempt.status), attempt.text);
        return attempt.status === 201 && attempt["x-vault-seq"] !== first["x-vault-seq"] && attempt;
      }, "applied again");
      assert.ok(performance.now() - from > 800, "not too early");
      assert.notEqual(JSON.parse(later.text).source.id, JSON.parse(first.text).source.id);
    }
    await server.end("SIGKILL");
  });
});
