// A front end that signs in with Auth.js, and this server beside it: the real @auth/core issues the sessions.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Auth } from "@auth/core";
import Credentials from "@auth/core/providers/credentials";
import { newSecret, V5_COOKIE } from "./lib/encrypted-session.mjs";
import { Page } from "./lib/page.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RestClient } from "./lib/rest.mjs";
import { World } from "./lib/world.mjs";

const [NEW, OLD] = [newSecret(), newSecret()];

let world, ann;
before(async () => {
  world = await World.open({ users: ["Ann"], env: { AUTH_SECRET: `${NEW} ${OLD}` } });
  ann = world.users.Ann;
});
after(async () => {
  await world?.close();
  if (world) assertNoPanic(world.server);
});

/** A browser's page at a front end of its own, on the same host as this server, so that both see the same cookies. */
function frontEnd({ secret, image }) {
  const config = {
    secret,
    basePath: "/api/auth",
    trustHost: true,
    logger: { error() {}, warn() {}, debug() {} },
    providers: [
      Credentials({
        credentials: { email: {} },
        authorize: ({ email }) => ({ id: "42", name: "Ann", email, image }),
      }),
    ],
  };
  const page = new Page("http://127.0.0.1:3999/");
  const call = async (path, fields) => {
    const headers = { cookie: page.cookie, "x-auth-return-redirect": "1" };
    const body = fields && new URLSearchParams(fields);
    const request = new Request(`http://127.0.0.1:3999/api/auth/${path}`, {
      method: fields ? "POST" : "GET",
      headers,
      body,
    });
    const response = await Auth(request, config);
    page.storeCookies(response);
    return response.json();
  };
  return { page, call };
}

async function signIn({ call }) {
  const { csrfToken } = await call("csrf");
  return call("callback/credentials", { csrfToken, email: ann.user.email, callbackUrl: "/" });
}

const at = (page) => new RestClient(world.server.url, page.cookie, ann.user);

for (const [what, options] of [
  ["a short token", { secret: NEW }],
  ["a token in chunks", { secret: NEW, image: `data:image/png;base64,${"A".repeat(5000)}` }],
  ["the secret before a rotation", { secret: OLD }],
  ["both secrets during one", { secret: [NEW, OLD] }],
]) {
  test(`who signs in there is signed in here, over REST and sockets: ${what}`, async () => {
    const there = frontEnd(options);
    await signIn(there);
    assert.equal(there.page.cookies.has(V5_COOKIE), !options.image, "in chunks, or not");
    const here = at(there.page);
    assert.deepEqual((await here.expect(200, "GET", "/api/auth/session")).body.user, ann.user);
    const vault = await here.createVault("From the front end");
    await world.member(here, vault.id);
    // Auth.js makes a new token whenever it is asked for the session.
    await there.call("session");
    assert.notEqual(there.page.cookie, here.cookie);
    assert.deepEqual((await at(there.page).expect(200, "GET", "/api/auth/session")).body.user, ann.user);
  });
}

test("signed out here, the token is none any more here, and its cookies are gone there", async () => {
  const there = frontEnd({ secret: NEW });
  await signIn(there);
  const copy = at(there.page);
  const response = await there.page.fetch(`${world.server.url}/api/auth/csrf`);
  const { csrfToken } = await response.json();
  await there.page.fetch(`${world.server.url}/api/auth/signout`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ csrfToken }),
    origin: world.server.url,
  });
  assert.equal(await there.call("session"), null);
  await copy.expect(401, "GET", "/api/vaults");
});

test("the double-submit cookie of either is good at the other", async () => {
  const there = frontEnd({ secret: NEW });
  const { csrfToken } = await there.call("csrf");
  const cookie = there.page.cookie;
  const here = await (await there.page.fetch(`${world.server.url}/api/auth/csrf`)).json();
  assert.equal(here.csrfToken, csrfToken);
  assert.equal(there.page.cookie, cookie, "kept");

  const other = frontEnd({ secret: NEW });
  const ours = await (await other.page.fetch(`${world.server.url}/api/auth/csrf`)).json();
  assert.equal((await other.call("csrf")).csrfToken, ours.csrfToken);
});
