// CORS, Origin and Sec-Fetch-Site checks, and the security headers of every response, with requests as browsers send
// them. test-ui/test/cors.test.mjs does the same with a real browser.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { run } from "./lib/process.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { newSource } from "./lib/rest.mjs";
import { SYNCSCRIPT_BIN } from "./lib/settings.mjs";
import { leaveOut } from "./lib/tools.mjs";
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

/** Sends one request with the owner's cookie, as a browser does for a page of `origin`. */
const request = (path, { origin, method = "GET", headers = {}, server = world.server, body } = {}) =>
  fetch(server.url + path, {
    method,
    headers: { cookie: owner.cookie, ...(origin && { origin }), ...headers },
    body,
    redirect: "manual",
  });

const corsHeaders = ({ headers }) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-")));
const POLL = "/socket.io/?EIO=4&transport=polling";
const CORS_HEADERS = {
  "access-control-allow-credentials": "true",
  "access-control-allow-origin": LISTED,
  "access-control-expose-headers": "ETag, X-Vault-Seq, Location, Retry-After, X-Request-Id",
};
const PREFLIGHT = {
  "access-control-request-method": "PATCH",
  "access-control-request-headers": "content-type,if-match",
};

describe("CORS", () => {
  test("a listed origin may read every kind of response: REST, errors, long polling", async () => {
    for (const [path, status] of [
      ["/api/auth/session", 200],
      ["/api/vaults", 200],
      ["/api/vaults/nonsense", 400],
      ["/nowhere", 404],
      [POLL, 200],
      ["/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", 400],
    ]) {
      const answer = await request(path, { origin: LISTED });
      assert.equal(answer.status, status, path);
      assert.deepEqual(corsHeaders(answer), CORS_HEADERS, path);
      assert.equal(answer.headers.get("vary"), "Origin", path);
    }
  });

  test("a listed origin may make changes and read the response headers", async () => {
    const vault = await owner.createVault("Cross-origin");
    const created = await request(`/api/vaults/${vault.id}/sources`, {
      origin: LISTED,
      method: "POST",
      headers: { "content-type": "application/json", "sec-fetch-site": "cross-site" },
      body: JSON.stringify(newSource()),
    });
    assert.equal(created.status, 201);
    assert.deepEqual(corsHeaders(created), CORS_HEADERS);
    for (const name of ["etag", "x-vault-seq", "location"]) assert.ok(created.headers.get(name), name);
  });

  test("the preflight of a listed origin lists the allowed methods and headers, on any path", async () => {
    for (const path of ["/api/vaults", `/api/sources/${crypto.randomUUID()}`, "/api/auth/callback/credentials", POLL]) {
      const answer = await request(path, { origin: LISTED, method: "OPTIONS", headers: PREFLIGHT });
      assert.equal(answer.status, 204, path);
      const allowedByPreflight = corsHeaders(answer);
      for (const method of ["GET", "POST", "PATCH", "DELETE"])
        assert.ok(allowedByPreflight["access-control-allow-methods"].split(", ").includes(method), method);
      const allowed = allowedByPreflight["access-control-allow-headers"].toLowerCase().split(", ");
      for (const name of ["content-type", "if-match", "idempotency-key", "x-auth-return-redirect"])
        assert.ok(allowed.includes(name), name);
      assert.equal(allowedByPreflight["access-control-allow-origin"], LISTED);
      assert.equal(allowedByPreflight["access-control-allow-credentials"], "true");
      assert.equal(answer.headers.get("vary"), "Origin");
    }
  });

  test("any other origin gets no CORS headers, and its preflight is rejected", async () => {
    for (const origin of OTHERS) {
      for (const path of ["/api/auth/session", "/api/vaults"]) {
        const answer = await request(path, { origin });
        assert.deepEqual(corsHeaders(answer), {}, `${origin} ${path}`);
        assert.equal(answer.headers.get("vary"), "Origin", "a cache must not serve it to the listed origin");
      }
      const preflight = await request("/api/vaults", { origin, method: "OPTIONS", headers: PREFLIGHT });
      assert.deepEqual([preflight.status, corsHeaders(preflight)], [403, {}], origin);
      assert.equal((await request(POLL, { origin })).status, 403);
      assert.equal((await request("/api/auth/logout", { origin, method: "POST" })).status, 403);
    }
    assert.equal((await request("/api/auth/session")).headers.get("vary"), "Origin", "also without an origin");
  });

  test("by default no other origin is allowed", async () => {
    for (const origin of [LISTED, ...OTHERS]) {
      const answer = await request("/api/auth/session", { origin, server: closed });
      assert.deepEqual(corsHeaders(answer), {});
      assert.equal(answer.headers.get("vary"), null);
      const preflight = await request("/api/vaults", { origin, method: "OPTIONS", headers: PREFLIGHT, server: closed });
      assert.deepEqual([preflight.status, corsHeaders(preflight)], [403, {}]);
    }
  });
});

describe("requests without an Origin", () => {
  test("Sec-Fetch-Site: changes and sockets from another site's page are rejected", async () => {
    const vault = await owner.createVault("Kept");
    for (const site of ["cross-site", "same-site"]) {
      const headers = { "sec-fetch-site": site };
      for (const [method, path] of [
        ["POST", "/api/auth/logout"],
        ["POST", "/api/auth/signout"],
        ["POST", "/api/auth/callback/credentials"],
        ["DELETE", `/api/vaults/${vault.id}`],
      ]) {
        const answer = await request(path, { method, headers });
        assert.deepEqual([answer.status, (await answer.json()).code], [403, "FOREIGN_ORIGIN"], `${site} ${path}`);
      }
      assert.equal((await request(POLL, { headers })).status, 403);
    }
    await owner.expect(200, "GET", `/api/vaults/${vault.id}`);
  });

  test("Sec-Fetch-Site: requests by the user, by the server's own page and by programs are accepted", async () => {
    for (const headers of [{ "sec-fetch-site": "same-origin" }, { "sec-fetch-site": "none" }, {}]) {
      assert.equal((await request(POLL, { headers })).status, 200);
      const answer = await request("/api/vaults", {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ name: "Own" }),
      });
      assert.equal(answer.status, 201);
    }
  });
});

describe("headers", () => {
  test("every response forbids sniffing and framing, and API responses forbid caching", async () => {
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
      const { headers } = await request(path);
      assert.equal(headers.get("x-content-type-options"), "nosniff", path);
      assert.equal(headers.get("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", path);
      assert.equal(headers.get("referrer-policy"), "same-origin", path);
      if (path.startsWith("/api/")) assert.equal(headers.get("cache-control"), "private, no-store", path);
    }
    const login = await owner.request("POST", "/api/auth/login", { email: owner.user.email, password: "no" });
    assert.equal(login.headers.get("cache-control"), "private, no-store");
  });

  test("the pages' policy allows only this server and no inline scripts", async (t) => {
    // scripts/test does not build the pages if Node.js is too old.
    if ((await request("/login")).status === 404) return leaveOut(t, "the pages are not built");
    for (const path of ["/", "/login", "/test/realtime"]) {
      const { status, headers } = await request(path);
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

  test("None without https is rejected with one sentence", async () => {
    for (const publicUrl of [{}, { SYNCSCRIPT_PUBLIC_URL: "http://sync.example.test" }]) {
      const env = { ...settings, ...publicUrl, SYNCSCRIPT_COOKIE_SAME_SITE: "none" };
      const { code, stderr } = await run(SYNCSCRIPT_BIN, ["serve"], env);
      assert.ok(code > 0);
      assert.match(stderr, /SYNCSCRIPT_COOKIE_SAME_SITE .*SYNCSCRIPT_PUBLIC_URL/);
    }
  });

  test("None is set on all cookies, together with Secure", async () => {
    const env = { SYNCSCRIPT_PUBLIC_URL: "https://sync.example.test", SYNCSCRIPT_COOKIE_SAME_SITE: "none" };
    const server = await world.startServer({ env });
    const login = await request("/api/auth/login", {
      server,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: owner.user.email, password: "correct horse battery staple" }),
    });
    const csrf = await request("/api/auth/csrf", { server });
    for (const { headers } of [login, csrf]) assert.match(headers.getSetCookie()[0], /; SameSite=None; Secure/);
  });
});
