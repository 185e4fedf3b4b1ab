// The Auth.js routes, called by the real next-auth/react of versions 5 and 4, and directly where these do not reach.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { assertInTime } from "./lib/cut-off.mjs";
import { claimsFor, cookieHeader, encryptV5, newSecret, V4_COOKIE } from "./lib/encrypted-session.mjs";
import { Page } from "./lib/page.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { PASSWORD, RestClient } from "./lib/rest.mjs";
import { World } from "./lib/world.mjs";

const LISTED = "https://app.example.test";
const CSRF_COOKIE = "authjs.csrf-token";
const SESSION_COOKIE = "authjs.session-token";

let world, ann;
before(async () => {
  const env = { SYNCSCRIPT_ALLOWED_ORIGINS: LISTED, SYNCSCRIPT_LOGIN_RATE_ACCOUNT: "1000" };
  world = await World.open({ users: ["Ann"], env });
  ann = world.users.Ann;
});
after(async () => {
  Page.leave();
  await world?.close();
  if (world) assertNoPanic(world.server);
});

/** Loads the client inside a page, because it checks at load time whether it runs in a browser. */
async function load(version) {
  const page = new Page(`${world.server.url}/vaults`).enter();
  try {
    if (version === 4) return createRequire(import.meta.url)("next-auth-4/react");
    // It is written for bundlers and imports React's modules without extension; React's package supports this.
    return await import("next-auth/react");
  } finally {
    assert.equal(page.requests.length, 0);
    Page.leave();
  }
}

for (const version of [5, 4]) {
  describe(`next-auth/react, version ${version}`, () => {
    let client, page;
    before(async () => {
      client = await load(version);
    });
    beforeEach(() => {
      page = new Page(`${world.server.url}/vaults?sort=name`).enter();
    });
    afterEach(() => Page.leave());

    const signIn = (password = PASSWORD, options = {}) =>
      client.signIn("credentials", { email: ann.user.email, password, redirect: false, ...options });

    test("getProviders: the credentials provider", async () => {
      const address = (action) => `${world.server.url}/api/auth/${action}/credentials`;
      assert.deepEqual(await client.getProviders(), {
        credentials: {
          id: "credentials",
          name: "Credentials",
          type: "credentials",
          signinUrl: address("signin"),
          callbackUrl: address("callback"),
        },
      });
    });

    test("getCsrfToken: the same token with its cookie, a new one without", async () => {
      const token = await client.getCsrfToken();
      assert.match(token, /^[0-9a-f]{64}$/);
      assert.equal(await client.getCsrfToken(), token);
      page.cookies.clear();
      assert.notEqual(await client.getCsrfToken(), token);
    });

    test("signIn, getSession, signOut", async (t) => {
      const answer = await signIn();
      assert.equal(answer.ok, true);
      assert.equal(answer.status, 200);
      assert.equal(answer.error ?? null, null);
      assert.equal(answer.url, `${world.server.url}/vaults?sort=name`);
      const session = await client.getSession();
      assert.deepEqual(session.user, ann.user);
      assert.ok(Date.parse(session.expires) > Date.now());

      // REST and sockets accept the cookie like that of any other session.
      const rest = new RestClient(world.server.url, page.cookie, ann.user);
      await rest.expect(200, "GET", "/api/vaults");
      const subscriber = await world.subscriber(rest);
      const signedOut = await client.signOut({ redirect: false });
      assert.equal(signedOut.url, `${world.server.url}/vaults?sort=name`);
      assert.ok(!page.cookies.has(SESSION_COOKIE), "the cookie is removed");
      const from = performance.now();
      const { at } = await subscriber.waitFor(({ name }) => name === "disconnect", "the socket is disconnected");
      assertInTime(t, from, at, "disconnected");
      await rest.expect(401, "GET", "/api/vaults");
    });

    test("getSession without a session: null", async (t) => {
      // Version 4 logs an error because it cannot parse this response, and then returns null too.
      t.mock.method(console, "error", () => {});
      assert.equal(await client.getSession(), null);
    });

    test("signIn with a wrong password, an unknown address or no credentials: CredentialsSignin", async () => {
      for (const answer of [
        await signIn("not it"),
        await client.signIn("credentials", { email: "nobody@example.test", password: PASSWORD, redirect: false }),
        await client.signIn("credentials", { redirect: false }),
      ]) {
        assert.equal(answer.error, "CredentialsSignin");
        assert.equal(answer.url, null);
        assert.equal(answer.ok, version === 5, "version 4 also looks at the status");
        if (version === 5) assert.equal(answer.code, "credentials");
      }
      assert.ok(!page.cookies.has(SESSION_COOKIE));
    });

    test("with redirect: to the current or the requested page; after an error to the sign-in page", async () => {
      await signIn(PASSWORD, { redirect: true });
      assert.equal(page.location.href, `${world.server.url}/vaults?sort=name`);
      await signIn(PASSWORD, { redirect: true, callbackUrl: "/test/realtime" });
      assert.equal(page.location.href, `${world.server.url}/test/realtime`);
      await client.signOut({ callbackUrl: "/login" });
      assert.equal(page.location.href, `${world.server.url}/login`);
      await signIn("not it", { redirect: true });
      assert.equal(page.location.href, `${world.server.url}/api/auth/signin?error=CredentialsSignin&code=credentials`);
    });

    test("redirects never lead to a foreign site, except to a listed one", async () => {
      const foreign = ["https://evil.example/", "//evil.example/x", "/\\evil.example", "javascript:alert(1)", "\0"];
      for (const callbackUrl of [...foreign, "http:"]) {
        const { url } = await signIn(PASSWORD, { callbackUrl });
        assert.equal(new URL(url).origin, world.server.url, callbackUrl);
      }
      const { url } = await signIn(PASSWORD, { callbackUrl: `${LISTED}/vaults` });
      assert.equal(url, `${LISTED}/vaults`);
    });

    test("signIn with an unknown provider leads to our login page, with a way back", async () => {
      await client.signIn("github", { callbackUrl: `${world.server.url}/test/realtime?vaultId=1` });
      const first = await page.fetch(page.location.href);
      assert.equal(first.status, 302);
      assert.equal(first.headers.get("location"), "/login?returnTo=%2Ftest%2Frealtime%3FvaultId%3D1");
    });
  });
}

const post = (path, fields, headers = {}) =>
  fetch(world.server.url + path, {
    method: "POST",
    headers,
    body: new URLSearchParams(fields),
    redirect: "manual",
  });

async function csrf(headers = {}) {
  const response = await fetch(`${world.server.url}/api/auth/csrf`, { headers });
  const [line] = response.headers.getSetCookie();
  return { token: (await response.json()).csrfToken, line, cookie: line?.split(";")[0] };
}

const CREDENTIALS = "/api/auth/callback/credentials";

describe("direct requests", () => {
  const fields = (csrfToken, more = {}) => ({ email: ann.user.email, password: PASSWORD, csrfToken, ...more });

  test("an HTML form without JavaScript gets redirects", async () => {
    const { token, cookie } = await csrf();
    const good = await post(CREDENTIALS, fields(token, { callbackUrl: "/test/realtime" }), { cookie });
    assert.equal(good.status, 302);
    assert.equal(good.headers.get("location"), `${world.server.url}/test/realtime`);
    const session = good.headers
      .getSetCookie()
      .find((line) => line.startsWith(SESSION_COOKIE))
      .split(";")[0];
    const bad = await post(CREDENTIALS, fields(token, { password: "not it" }), { cookie });
    assert.equal(bad.status, 302);
    assert.match(bad.headers.get("location"), /\/api\/auth\/signin\?error=CredentialsSignin&code=credentials$/);
    const out = await post("/api/auth/signout", { csrfToken: token }, { cookie: `${cookie}; ${session}` });
    assert.deepEqual([out.status, out.headers.get("location")], [302, `${world.server.url}/`]);
    await new RestClient(world.server.url, session).expect(401, "GET", "/api/vaults");
  });

  test("a JSON body is accepted too", async () => {
    const { token, cookie } = await csrf();
    const response = await fetch(world.server.url + CREDENTIALS, {
      method: "POST",
      headers: { cookie, "content-type": "application/json", "x-auth-return-redirect": "1" },
      body: JSON.stringify(fields(token)),
    });
    assert.deepEqual([response.status, await response.json()], [200, { url: `${world.server.url}/` }]);
  });

  test("the double-submit token: cookie and body must match, and be issued by this server", async () => {
    const [own, other] = [await csrf(), await csrf()];
    const victim = (await ann.at(world.server)).cookie;
    const forged = "f".repeat(64);
    const attempts = [
      [undefined, own.cookie],
      ["", own.cookie],
      [other.token, own.cookie],
      [own.token, undefined],
      [forged, `${CSRF_COOKIE}=${forged}|${createHash("sha256").update(forged).digest("hex")}`],
      ["", `${CSRF_COOKIE}=|`],
    ];
    for (const [token, cookie] of attempts) {
      for (const [path, more] of [
        [CREDENTIALS, fields(token)],
        ["/api/auth/signout", { csrfToken: token }],
      ]) {
        const body = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
        const cookies = [victim, cookie].filter(Boolean).join("; ");
        const answer = await post(path, body, { cookie: cookies, "x-auth-return-redirect": "1" });
        assert.equal(answer.status, 200);
        assert.deepEqual(await answer.json(), { url: `${world.server.url}/api/auth/signin?error=MissingCSRF` });
        assert.deepEqual(answer.headers.getSetCookie(), [], `${path} ${token} ${cookie}`);
      }
    }
    await ann.expect(200, "GET", "/api/vaults");
  });

  test("the token is valid on every node and after a restart", async () => {
    const { token, cookie } = await csrf();
    const node = await world.startServer();
    const response = await fetch(node.url + CREDENTIALS, {
      method: "POST",
      headers: { cookie, "x-auth-return-redirect": "1" },
      body: new URLSearchParams(fields(token)),
    });
    assert.ok(response.headers.getSetCookie().some((line) => line.startsWith(SESSION_COOKIE)));
  });

  test("with AUTH_SECRET the cookie has the format of Auth.js: token|sha256(token + secret)", async () => {
    const secret = newSecret();
    const node = await world.startServer({ env: { AUTH_SECRET: secret } });
    const response = await fetch(`${node.url}/api/auth/csrf`);
    const { csrfToken } = await response.json();
    const hash = createHash("sha256")
      .update(csrfToken + secret)
      .digest("hex");
    const [line] = response.headers.getSetCookie();
    assert.equal(line, `${CSRF_COOKIE}=${csrfToken}%7C${hash}; HttpOnly; SameSite=Lax; Path=/`);
  });

  test("on https the cookies have the __Host- and __Secure- prefixes", async () => {
    const publicUrl = "https://sync.example.test";
    const node = await world.startServer({ env: { SYNCSCRIPT_PUBLIC_URL: publicUrl } });
    const issued = await fetch(`${node.url}/api/auth/csrf`);
    const [line] = issued.headers.getSetCookie();
    assert.match(line, /^__Host-authjs\.csrf-token=[^;]+; HttpOnly; SameSite=Lax; Secure; Path=\/$/);
    const response = await fetch(node.url + CREDENTIALS, {
      method: "POST",
      headers: { cookie: line.split(";")[0], "x-auth-return-redirect": "1" },
      body: new URLSearchParams(fields((await issued.json()).csrfToken, { callbackUrl: "/x" })),
    });
    assert.deepEqual(await response.json(), { url: `${publicUrl}/x` });
    assert.match(response.headers.getSetCookie()[0], /^__Secure-authjs\.session-token=[^;]+; .*Secure/);
  });

  test("signing out removes every cookie that holds a part of the session", async () => {
    const secret = newSecret();
    const node = await world.startServer({ env: { AUTH_SECRET: secret } });
    const long = cookieHeader(await encryptV5({ ...claimsFor(ann.user), ballast: "x".repeat(6000) }, secret));
    const rest = new RestClient(node.url, `${long}; ${V4_COOKIE}=old; theme=dark`);
    await rest.expect(200, "GET", "/api/vaults");
    const { headers } = await rest.expect(204, "POST", "/api/auth/logout");
    const names = headers.getSetCookie().map((line) => {
      assert.match(line, /; Max-Age=0/);
      return line.split("=")[0];
    });
    const expected = [SESSION_COOKIE, V4_COOKIE, ...long.split("; ").map((chunk) => chunk.split("=")[0])];
    assert.deepEqual(names.sort(), expected.sort());
    await rest.expect(401, "GET", "/api/vaults");
  });

  test("too many failures are reported like a wrong password", async () => {
    const node = await world.startServer({ env: { SYNCSCRIPT_LOGIN_RATE_ACCOUNT: "1" } });
    const issued = await fetch(`${node.url}/api/auth/csrf`);
    const cookie = issued.headers.getSetCookie()[0].split(";")[0];
    const { csrfToken } = await issued.json();
    const attempt = () =>
      fetch(node.url + CREDENTIALS, {
        method: "POST",
        headers: { cookie, "x-auth-return-redirect": "1" },
        body: new URLSearchParams(fields(csrfToken, { password: "not it" })),
      });
    assert.equal((await attempt()).status, 200);
    const refused = await attempt();
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    assert.match((await refused.json()).url, /error=CredentialsSignin&code=too_many_attempts$/);
  });

  test("the log has no password, token or cookie", async () => {
    const node = await world.startServer({ env: { SYNCSCRIPT_LOG: "debug" } });
    const issued = await fetch(`${node.url}/api/auth/csrf`);
    const cookie = issued.headers.getSetCookie()[0].split(";")[0];
    const { csrfToken } = await issued.json();
    const attempt = (password) =>
      fetch(`${node.url}${CREDENTIALS}?secret=in-the-query`, {
        method: "POST",
        headers: { cookie, "x-auth-return-redirect": "1" },
        body: new URLSearchParams(fields(csrfToken, { password })),
      });
    await attempt("a wrong password");
    const session = (await attempt(PASSWORD)).headers.getSetCookie()[0].split(/[=;]/)[1];
    const rest = new RestClient(node.url, `${SESSION_COOKIE}=${session}`);
    await rest.expect(200, "GET", "/api/vaults");
    const subscriber = await world.subscriber(rest, { server: node });
    await rest.expect(204, "POST", "/api/auth/logout");
    await subscriber.waitFor(({ name }) => name === "disconnect", "the socket is disconnected");
    const log = node.stderr.join("\n");
    assert.match(log, /request finished/, "the log is not empty");
    for (const secret of [PASSWORD, "a wrong password", session, csrfToken, "in-the-query"])
      assert.ok(!log.includes(secret), secret);
  });

  test("a body that has another type, is malformed or is too large is rejected", async () => {
    for (const [status, type, body] of [
      [415, "text/plain", "csrfToken=1"],
      [400, "application/json", "{"],
      [400, "application/json", "[]"],
      [413, "application/x-www-form-urlencoded", `email=${"x".repeat(70_000)}`],
    ]) {
      const response = await fetch(world.server.url + CREDENTIALS, {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      assert.equal(response.status, status, type);
      assert.match(response.headers.get("content-type"), /problem\+json/);
    }
  });

  test("a too short AUTH_SECRET is rejected at startup and not shown", async () => {
    const env = { AUTH_SECRET: "hunter2-hunter2" };
    await assert.rejects(world.startServer({ env }), (error) => {
      assert.match(error.message, /AUTH_SECRET .*secret 1 of 1 is shorter than 32 characters/);
      assert.ok(!error.message.includes("hunter2"));
      return true;
    });
  });
});
