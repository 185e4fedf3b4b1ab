// A front end that signs in with Auth.js next to this server: the real @auth/core issues the sessions.
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

/** A browser page at a front end with its own Auth.js, on the same host as this server, so that both get the same cookies. */
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

const clientOf = (page) => new RestClient(world.server.url, page.cookie, ann.user);

for (const [what, options] of [
  ["a short token", { secret: NEW }],
  ["a token in chunks", { secret: NEW, image: `data:image/png;base64,${"A".repeat(5000)}` }],
  ["the old secret of a rotation", { secret: OLD }],
  ["both secrets during a rotation", { secret: [NEW, OLD] }],
]) {
  test(`signing in at the front end signs in here, for REST and sockets: ${what}`, async () => {
    const front = frontEnd(options);
    await signIn(front);
    assert.equal(front.page.cookies.has(V5_COOKIE), !options.image, "the token is split into chunks if it is long");
    const here = clientOf(front.page);
    assert.deepEqual((await here.expect(200, "GET", "/api/auth/session")).body.user, ann.user);
    const vault = await here.createVault("From the front end");
    await world.member(here, vault.id);
    // Auth.js issues a new token on every request for the session.
    await front.call("session");
    assert.notEqual(front.page.cookie, here.cookie);
    assert.deepEqual((await clientOf(front.page).expect(200, "GET", "/api/auth/session")).body.user, ann.user);
  });
}

test("signing out here revokes the token here and removes its cookies at the front end", async () => {
  const front = frontEnd({ secret: NEW });
  await signIn(front);
  const copy = clientOf(front.page);
  const response = await front.page.fetch(`${world.server.url}/api/auth/csrf`);
  const { csrfToken } = await response.json();
  await front.page.fetch(`${world.server.url}/api/auth/signout`, {
    method: "POST",
    headers: { "sec-fetch-site": "same-origin" },
    body: new URLSearchParams({ csrfToken }),
    origin: world.server.url,
  });
  assert.equal(await front.call("session"), null);
  await copy.expect(401, "GET", "/api/vaults");
});

test("front end and server accept each other's double-submit cookies", async () => {
  const front = frontEnd({ secret: NEW });
  const { csrfToken } = await front.call("csrf");
  const cookie = front.page.cookie;
  const here = await (await front.page.fetch(`${world.server.url}/api/auth/csrf`)).json();
  assert.equal(here.csrfToken, csrfToken);
  assert.equal(front.page.cookie, cookie, "the cookie is kept");

  const other = frontEnd({ secret: NEW });
  const ours = await (await other.page.fetch(`${world.server.url}/api/auth/csrf`)).json();
  assert.equal((await other.call("csrf")).csrfToken, ours.csrfToken);
});
