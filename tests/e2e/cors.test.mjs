// Which pages of other origins may read and change what, as browsers ask and are told; and the headers that keep an
// answer from being misused. A real browser is asked by test-ui/test/cors.test.mjs.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { run } from "./lib/process.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { SYNCSCRIPT_BIN } from "./lib/settings.mjs";
import { World } from "./lib/world.mjs";

const LISTED = "https://app.example.test";
const OTHERS = ["https://evil.example", "https://app.example.test.evil.example", "http://app.example.test", "null"];

let world, closed, owner;
before(async () => {
  world = await World.open({ users: ["owner"], env: { SYNCSCRIPT_ALLOWED_ORIGINS: `${LISTED},https://two.example` } });
  owner = world.users.owner;
  closed = await world.startServer();
});
after(async () => {
  await world?.close();
  if (closed) assertNoPanic(world.server, closed);
});

/** One request with the owner's cookie, as a browser sends it for a page of `origin`. */
const ask = (path, { origin, method = "GET", headers = {}, server = world.server, body } = {}) =>
  fetch(server.url + path, {
    method,
    headers: { cookie: owner.cookie, ...(origin && { origin }), ...headers },
    body,
    redirect: "manual",
  });

const sharing = ({ headers }) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-")));
const POLL = "/socket.io/?EIO=4&transport=polling";
const SHARED = {
  "access-control-allow-credentials": "true",
  "access-control-allow-origin": LISTED,
  "access-control-expose-headers": "ETag, X-Vault-Seq, Location, Retry-After, X-Request-Id",
};
const PREFLIGHT = {
  "access-control-request-method": "PATCH",
  "access-control-request-headers": "content-type,if-match",
};

describe("CORS", () => {
  test("a listed origin may read answers of every kind: REST, errors, long-polling", async () => {
    for (const [path, status] of [
      ["/api/auth/session", 200],
      ["/api/vaults", 200],
      ["/api/vaults/nonsense", 400],
      ["/nowhere", 404],
      [POLL, 200],
      ["/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", 400],
    ]) {
      const answer = await ask(path, { origin: LISTED });
      assert.equal(answer.status, status, path);
      assert.deepEqual(sharing(answer), SHARED, path);
      assert.equal(answer.headers.get("vary"), "Origin", path);
    }
  });

  test("and change things, with the headers of the answer to read", async () => {
    const vault = await owner.createVault("Shared");
    const created = await ask(`/api/vaults/${vault.id}/sources`, {
      origin: LISTED,
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "cross-site" },
      body: JSON.stringify(newSource()),
    });
    assert.equal(created.status, 201);
    assert.deepEqual(sharing(created), SHARED);
    for (const name of ["etag", "x-vault-seq", "location"]) assert.ok(created.headers.get(name), name);
  });

  test("a preflight of a listed origin says what may be sent, on any path", async () => {
    for (const path of ["/api/vaults", `/api/sources/${crypto.randomUUID()}`, "/api/auth/callback/credentials", POLL]) {
      const answer = await ask(path, { origin: LISTED, method: "OPTIONS", headers: PREFLIGHT });
      assert.equal(answer.status, 204, path);
      const said = sharing(answer);
      for (const method of ["GET", "POST", "PATCH", "DELETE"])
        assert.ok(said["access-control-allow-methods"].split(", ").includes(method), method);
      const allowed = said["access-control-allow-headers"].toLowerCase().split(", ");
      for (const name of ["content-type", "if-match", "idempotency-key", "x-auth-return-redirect"])
        assert.ok(allowed.includes(name), name);
      assert.equal(said["access-control-allow-origin"], LISTED);
      assert.equal(said["access-control-allow-credentials"], "true");
      assert.equal(answer.headers.get("vary"), "Origin");
    }
  });

  test("any other origin is told nothing, and its preflight refused", async () => {
    for (const origin of OTHERS) {
      for (const path of ["/api/auth/session", "/api/vaults"]) {
        const answer = await ask(path, { origin });
        assert.deepEqual(sharing(answer), {}, `${origin} ${path}`);
        assert.equal(answer.headers.get("vary"), "Origin", "a cache must not serve it to the listed one");
      }
      const preflight = await ask("/api/vaults", { origin, method: "OPTIONS", headers: PREFLIGHT });
      assert.deepEqual([preflight.status, sharing(preflight)], [403, {}], origin);
      assert.equal((await ask(POLL, { origin })).status, 403);
      assert.equal((await ask("/api/auth/logout", { origin, method: "POST" })).status, 403);
    }
    assert.equal((await ask("/api/auth/session")).headers.get("vary"), "Origin", "without origin too");
  });

  test("by default there is no other origin", async () => {
    for (const origin of [LISTED, ...OTHERS]) {
      const answer = await ask("/api/auth/session", { origin, server: closed });
      assert.deepEqual(sharing(answer), {});
      assert.equal(answer.headers.get("vary"), null);
      const preflight = await ask("/api/vaults", { origin, method: "OPTIONS", headers: PREFLIGHT, server: closed });
      assert.deepEqual([preflight.status, sharing(preflight)], [403, {}]);
    }
  });
});

describe("requests for which browsers send no Origin", () => {
  test("a change, or a socket, asked for by another site's page is refused by Sec-Fetch-Site", async () => {
    const vault = await owner.createVault("Kept");
    for (const site of ["cross-site", "same-site"]) {
      const headers = { "sec-fetch-site": site };
      for (const [method, path] of [
        ["POST", "/api/auth/logout"],
        ["POST", "/api/auth/signout"],
        ["POST", "/api/auth/callback/credentials"],
        ["DELETE", `/api/vaults/${vault.id}`],
      ]) {
        const answer = await ask(path, { method, headers });
        assert.deepEqual([answer.status, (await answer.json()).code], [403, "FOREIGN_ORIGIN"], `${site} ${path}`);
      }
      assert.equal((await ask(POLL, { headers })).status, 403);
    }
    await owner.expect(200, "GET", `/api/vaults/${vault.id}`);
  });

  test("the user's own doing, the own page's, and that of a program go on", async () => {
    for (const headers of [{ "sec-fetch-site": "same-origin" }, { "sec-fetch-site": "none" }, {}]) {
      assert.equal((await ask(POLL, { headers })).status, 200);
      const answer = await ask("/api/vaults", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ name: "Own" }),
      });
      assert.equal(answer.status, 201);
    }
  });
});

describe("headers", () => {
  test("every answer is nosniff and for no frame, and those of the interface are kept by no cache", async () => {
    for (const path of [
      "/api/auth/session",
      "/api/auth/csrf",
      "/api/auth/providers",
      "/api/vaults",
      "/api/vaults/nonsense",
      "/healthz",
      "/metrics",
      "/nowhere",
      POLL,
    ]) {
      const { headers } = await ask(path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", path);
      assert.equal(headers.get("referrer-policy"), "same-origin", path);
      if (path.startsWith("/api/")) assert.equal(headers.get("cache-control"), "private, no-store", path);
    }
    const login = await owner.request("POST", "/api/auth/login", { email: owner.user.email, password: "no" });
    assert.equal(login.headers.get("cache-control"), "private, no-store");
  });

  test("the pages load and call nothing but this server, without inline scripts", async (t) => {
    // Where Node.js is too old for them they are left out, as scripts/test says.
    if ((await ask("/login")).status === 404) return t.skip("the pages are not built");
    for (const path of ["/", "/login", "/test/realtime"]) {
      const { status, headers } = await ask(path);
      assert.equal(status, 200, "the pages are built");
      const policy = headers.get("content-security-policy");
      for (const part of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'self'"])
        assert.ok(policy.split("; ").includes(part), `${path}: ${part}`);
      assert.ok(!policy.includes("unsafe"), policy);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.equal(headers.get("referrer-policy"), "same-origin");
    }
  });
});

describe("SameSite", () => {
  const settings = { DATABASE_URL: "postgres://someone@127.0.0.1:1/nowhere", PORT: "0" };

  test("None is refused without https, in one sentence", async () => {
    for (const publicUrl of [{}, { SYNCSCRIPT_PUBLIC_URL: "http://sync.example.test" }]) {
      const env = { ...settings, ...publicUrl, SYNCSCRIPT_COOKIE_SAME_SITE: "none" };
      const { code, stderr } = await run(SYNCSCRIPT_BIN, ["serve"], env);
      assert.ok(code > 0);
      assert.match(stderr, /SYNCSCRIPT_COOKIE_SAME_SITE .*SYNCSCRIPT_PUBLIC_URL/);
    }
  });

  test("None is said on all cookies, and Secure with it", async () => {
    const env = { SYNCSCRIPT_PUBLIC_URL: "https://sync.example.test", SYNCSCRIPT_COOKIE_SAME_SITE: "none" };
    const server = await world.startServer({ env });
    const login = await ask("/api/auth/login", {
      server,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: owner.user.email, password: "correct horse battery staple" }),
    });
    const csrf = await ask("/api/auth/csrf", { server });
    for (const { headers } of [login, csrf]) assert.match(headers.getSetCookie()[0], /; SameSite=None; Secure/);
  });
});
