// Connecting with the official client: the transports, authentication and the Origin check.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertContiguous } from "./lib/subscriber.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

const TRANSPORTS = {
  "polling only": { transports: ["polling"] },
  "websocket only": { transports: ["websocket"] },
  "polling, then upgrade": { transports: ["polling", "websocket"] },
};
const ALLOWED = ["https://app.example.test", "http://localhost:5173"];

let world, owner;
before(async () => {
  world = await World.open({ env: { SYNCSCRIPT_ALLOWED_ORIGINS: ALLOWED.join(",") } });
  owner = world.users.owner;
});
after(() => world?.close());

/** Tries to connect. Returns the first outcome, `{name: "connect" | "connect_error", data}`, and the client. */
async function outcome(options) {
  const client = world.attempt(options);
  const first = await client.waitFor(({ name }) => name === "connect" || name === "connect_error", "the outcome");
  return { ...first, client };
}

describe("transports", () => {
  for (const [title, options] of Object.entries(TRANSPORTS)) {
    test(`${title}: connects, joins, receives in order`, async () => {
      const vault = await world.vault();
      const client = await world.member(owner, vault.id, options);
      const sources = [];
      for (let i = 0; i < 5; i++) sources.push(await owner.createSource(vault.id, `Source ${i}`));
      await client.awaitSeq(vault.id, sources.at(-1).seq);
      assertContiguous(client.seqsOf(vault.id), client.joined.seq + 1, sources.at(-1).seq);
      assert.deepEqual(
        client.eventsOf(vault.id).map(({ data }) => data.source.id),
        sources.map(({ id }) => id),
      );
    });
  }

  test("a polling-only client stays on polling, a websocket-only client starts on websocket", async () => {
    const polling = await world.subscriber(owner, TRANSPORTS["polling only"]);
    assert.equal(polling.transport, "polling");
    const websocket = await world.subscriber(owner, TRANSPORTS["websocket only"]);
    assert.equal(websocket.transport, "websocket");
  });

  test("the upgrade succeeds, and events during it are neither lost nor duplicated", async () => {
    const vault = await world.vault();
    const client = world.attempt({ cookie: owner.cookie, ...TRANSPORTS["polling, then upgrade"] });
    const upgraded = new Promise((resolve) => {
      client.socket.io.on("open", () => client.socket.io.engine.once("upgrade", ({ name }) => resolve(name)));
    });
    await client.waitFor(({ name }) => name === "connect", "the connection");
    const { seq } = await client.join(vault.id);

    let done = false;
    let last = seq;
    const writing = (async () => {
      while (!done) last = (await owner.createSource(vault.id)).seq;
      last = (await owner.createSource(vault.id)).seq;
    })();
    // Stop writing when the upgrade, a failed write or the deadline comes first.
    const name = await withDeadline(Promise.race([upgraded, writing]), "the upgrade").finally(() => (done = true));
    await writing;

    assert.equal(name, "websocket");
    assert.equal(client.transport, "websocket");
    await client.awaitSeq(vault.id, last);
    assertContiguous(client.seqsOf(vault.id), seq + 1, last);
  });

  test("120 clients at once all receive the event within a second", async () => {
    const vault = await world.vault();
    const members = [owner, ...(await Promise.all(["second", "third", "fourth"].map((name) => world.signUp(name))))];
    for (const member of members.slice(1)) await owner.addMember(vault.id, member.user, "viewer");
    const clients = await Promise.all(
      Array.from({ length: 120 }, (_, i) => world.member(members[i % 4], vault.id, TRANSPORTS["websocket only"])),
    );
    const { seq } = await owner.createSource(vault.id);
    const answeredAt = performance.now();
    for (const client of clients) {
      const { at } = await client.awaitSeq(vault.id, seq);
      assert.ok(at - answeredAt < 1000, `after ${at - answeredAt} ms`);
      client.close();
    }
  });

  test("REST and Socket.IO share one port", async () => {
    const client = await world.subscriber(owner);
    assert.equal(new URL(client.socket.io.uri).port, String(world.server.port));
    assert.equal((await fetch(`${world.server.url}/healthz`)).status, 200);
  });
});

describe("connect authentication", () => {
  /** Both transports must reject the client, and the client must not reconnect. */
  async function assertUnauthorized(cookie) {
    for (const transport of ["polling", "websocket"]) {
      const { name, data, client } = await outcome({ cookie, transports: [transport], reconnection: true });
      assert.equal(name, "connect_error", transport);
      assert.equal(data, "UNAUTHORIZED", transport);
      assert.equal(client.socket.active, false, "the client treats the rejection as final");
    }
  }

  test("no cookie", () => assertUnauthorized(undefined));

  test("a cookie of another name", () => assertUnauthorized("theme=dark; session=1"));

  test("forged tokens", async () => {
    const token = owner.cookie.split("=")[1];
    for (const forged of [
      "",
      "x",
      token.slice(0, -1),
      `${token}A`,
      token.split("").reverse().join(""),
      "%00%ff",
      "a".repeat(4000),
    ]) {
      await assertUnauthorized(`authjs.session-token=${forged}`);
    }
  });

  test("a session that was valid until it expired", async () => {
    const user = await world.signUp("expiring");
    await world.subscriber(user);
    await world.database.rows("UPDATE sessions SET expires_at = now() - interval '1 second' WHERE user_id = $1", [
      user.user.id,
    ]);
    await assertUnauthorized(user.cookie);
    // The session expired by SQL: REST notices at the next read of the session changes.
    await eventually(async () => (await user.expect(200, "GET", "/api/auth/session")).body === null, "no session");
  });

  test("a logged-out session", async () => {
    const user = await world.signUp("leaving");
    const answer = await user.request("POST", "/api/auth/logout");
    assert.ok(answer.status >= 200 && answer.status < 300, `logout -> ${answer.status}`);
    await assertUnauthorized(user.cookie);
  });

  test("the session cookie is found among other cookies", async () => {
    const { name } = await outcome({ cookie: `theme=dark; ${owner.cookie}; lang=en` });
    assert.equal(name, "connect");
  });
});

describe("Origin", () => {
  const attempt = (origin, transport) =>
    outcome({ cookie: owner.cookie, headers: { origin }, transports: [transport] });

  for (const transport of ["polling", "websocket"]) {
    test(`${transport}: the server's own origin and every listed origin are accepted`, async () => {
      for (const origin of [world.server.url, ...ALLOWED]) {
        assert.equal((await attempt(origin, transport)).name, "connect", origin);
      }
    });

    test(`${transport}: any other origin is rejected, even with a valid cookie`, async () => {
      const { url, port } = world.server;
      const foreign = [
        "http://evil.example",
        "null",
        `${url}.evil.example`,
        `http://127.0.0.1:${port === 1 ? 2 : 1}`,
        "http://app.example.test",
        "https://app.example.test.evil.example",
        "https://app.example.test:8443",
      ];
      for (const origin of foreign) {
        const { name, client } = await attempt(origin, transport);
        assert.equal(name, "connect_error", origin);
        assert.equal(client.socket.connected, false, origin);
      }
    });
  }

  test("without a list only the server's own origin is accepted", async () => {
    const server = await world.startServer();
    const connect = (origin) =>
      world
        .attempt({ cookie: owner.cookie, headers: { origin }, transports: ["websocket"] }, server)
        .waitFor(({ name }) => name === "connect" || name === "connect_error", "the outcome");
    assert.equal((await connect(ALLOWED[0])).name, "connect_error");
    assert.equal((await connect(server.url)).name, "connect");
  });
});
