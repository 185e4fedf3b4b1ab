// The limits on failed sign-ins and on registrations, per account and per address.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoPanic } from "./lib/procfs.mjs";
import { PASSWORD } from "./lib/rest.mjs";
import { eventually } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";

let world, owner;
before(async () => {
  world = await World.open();
  owner = world.users.owner;
});
after(async () => {
  await world?.close();
  assertNoPanic(world.server);
});

describe("signing in", () => {
  const ACCOUNT = 4;
  const ADDRESS = 5;
  let server;
  before(async () => {
    server = await world.startServer({
      env: {
        SYNCSCRIPT_LOGIN_RATE_ACCOUNT: String(ACCOUNT),
        SYNCSCRIPT_LOGIN_RATE_ADDRESS: String(ADDRESS),
        SYNCSCRIPT_TRUST_PROXY: "true",
      },
    });
  });

  let addresses = 0;
  /** Returns an unused address. */
  const newAddress = () => `10.0.${addresses >> 8}.${addresses++ & 255}`;

  /** Tries to sign in from that address. */
  async function login(email, password, address, at = server) {
    const response = await fetch(`${at.url}/api/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-forwarded-for": address },
      body: JSON.stringify({ email, password }),
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
  }

  function assertThrottled({ status, headers, body }) {
    assert.equal(status, 429);
    assert.match(headers.get("content-type"), /^application\/problem\+json/);
    assert.match(headers.get("retry-after") ?? "(no Retry-After)", /^[1-9]\d*$/);
    assert.ok(Number(headers.get("retry-after")) <= 60, headers.get("retry-after"));
    assert.deepEqual([body.status, body.code], [429, "TOO_MANY_ATTEMPTS"]);
  }

  const WRONG = "not the password";

  /** Repeats the attempt, which must get `status`, until it is throttled. Asserts that this took at least `limit` attempts. */
  async function assertExhausts(limit, status, attempt) {
    for (let count = 0; ; count++) {
      const answer = await attempt(count);
      if (answer.status === status && count < limit + 2) continue;
      assertThrottled(answer);
      return assert.ok(count >= limit, `throttled after ${count}`);
    }
  }

  test("per account: too many failures give 429 from any address, even with the right password, until Retry-After", async () => {
    const user = await world.signUp("guessed");
    const email = user.user.email;
    await assertExhausts(ACCOUNT, 401, () => login(email, WRONG, newAddress()));
    const throttled = await login(email, PASSWORD, newAddress());
    assertThrottled(throttled);
    assertThrottled(await login(email.toUpperCase(), PASSWORD, newAddress()));
    assert.equal(
      (await login(owner.user.email, PASSWORD, newAddress())).status,
      200,
      "another account is not affected",
    );
    const from = performance.now();
    await eventually(async () => {
      const { status } = await login(email, PASSWORD, newAddress());
      assert.ok(status === 200 || status === 429, `sign-in: ${status}`);
      return status === 200;
    }, "sign-in works again");
    const waited = (performance.now() - from) / 1000;
    assert.ok(waited <= Number(throttled.headers.get("retry-after")) + 1, `within Retry-After: ${waited} s`);
  });

  test("an unknown account is throttled in the same way", async () => {
    await assertExhausts(ACCOUNT, 401, () => login("nobody@example.test", WRONG, newAddress()));
  });

  test("a hundred concurrent guesses are not evaluated more often than sequential ones", async () => {
    const email = (await world.signUp("stormed")).user.email;
    const answers = await Promise.all(Array.from({ length: 100 }, () => login(email, WRONG, newAddress())));
    const evaluated = answers.filter(({ status }) => status === 401).length;
    assert.ok(evaluated <= ACCOUNT + 2, `${evaluated} were evaluated`);
    answers.filter(({ status }) => status !== 401).forEach(assertThrottled);
  });

  test("per address: too many failures give 429 for every account, but not for other addresses", async () => {
    const address = newAddress();
    await assertExhausts(ADDRESS, 401, (i) => login(`x${i}@example.test`, WRONG, address));
    assertThrottled(await login(owner.user.email, PASSWORD, address));
    assert.equal((await login(owner.user.email, PASSWORD, newAddress())).status, 200);
    assert.equal(
      (await login(owner.user.email, PASSWORD, `${address}, ${newAddress()}`)).status,
      200,
      "the last address counts",
    );
  });

  test("successful sign-ins do not count", async () => {
    const address = newAddress();
    const email = (await world.signUp("diligent")).user.email;
    for (let i = 0; i < 2 * ADDRESS; i++)
      assert.equal((await login(email, PASSWORD, address)).status, 200, `login ${i}`);
  });

  test("registrations count towards the address limit", async () => {
    const address = newAddress();
    const register = async (i) => {
      const response = await fetch(`${server.url}/api/auth/register`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-forwarded-for": address },
        body: JSON.stringify({ email: `r${i}@example.test`, name: "R", password: PASSWORD }),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    await assertExhausts(ADDRESS, 201, register);
  });

  test("without SYNCSCRIPT_TRUST_PROXY the X-Forwarded-For header is ignored", async () => {
    const direct = await world.startServer({ env: { SYNCSCRIPT_LOGIN_RATE_ADDRESS: "3" } });
    await assertExhausts(3, 401, (i) => login(`z${i}@example.test`, WRONG, newAddress(), direct));
  });
});
