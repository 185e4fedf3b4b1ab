// Sessions that Auth.js issues as encrypted tokens: which tokens are accepted, and for which user. The real @auth/core and
// next-auth make the tokens; jose, which both use, makes the tokens that they never issue.
import "./lib/webcrypto.mjs";
import assert from "node:assert/strict";
import { createHash, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { base64url, CompactEncrypt, EncryptJWT, SignJWT } from "jose";
import {
  claimsFor,
  cookieHeader,
  encryptV4,
  encryptV5,
  newSecret,
  V4_COOKIE,
  V5_COOKIE,
} from "./lib/encrypted-session.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RestClient } from "./lib/rest.mjs";
import { World } from "./lib/world.mjs";

const [NEW, OLD] = [newSecret(), newSecret()];
/** Extra claims that make a token about this many bytes longer. */
const padding = (bytes) => ({ padding: randomBytes(Math.ceil((bytes * 9) / 16)).toString("base64") });

let world, ann, bob;
before(async () => {
  world = await World.open({ users: ["Ann", "Bob"], env: { AUTH_SECRET: `${NEW},${OLD}` } });
  ({ Ann: ann, Bob: bob } = world.users);
});
after(async () => {
  await world?.close();
  if (world) assertNoPanic(world.server);
});

async function whoIs(cookie, server = world.server) {
  const session = (await new RestClient(server.url, cookie).expect(200, "GET", "/api/auth/session")).body;
  const vaults = await new RestClient(server.url, cookie).request("GET", "/api/vaults");
  assert.equal(vaults.status, session === null ? 401 : 200, "all routes agree");
  return session?.user.id ?? null;
}

/** Makes a token from the given key, header and content, without checks. */
const encryptRaw = (content, key, header) =>
  new CompactEncrypt(new TextEncoder().encode(content)).setProtectedHeader(header).encrypt(key);

function deriveKey(secret, length = 64, salt = V5_COOKIE) {
  const info = `Auth.js Generated Encryption Key (${salt})`;
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, length));
}
const replacePart = (parts, at, part) => parts.map((other, i) => (i === at ? part : other));
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;

describe("a token is accepted", () => {
  test("of version 5, with the user found by email", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), NEW))), ann.user.id);
    const upper = { ...claimsFor(ann.user), email: ann.user.email.toUpperCase() };
    assert.equal(await whoIs(cookieHeader(await encryptV5(upper, NEW))), ann.user.id);
  });

  test("of version 4, in its own cookie", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV4(claimsFor(bob.user), NEW), V4_COOKIE)), bob.user.id);
    assert.equal(await whoIs(cookieHeader(await encryptV4(claimsFor(bob.user), OLD), V4_COOKIE)), bob.user.id);
  });

  test("with the user found by sub, if it is a known user id, before the email", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV5({ sub: ann.user.id }, NEW))), ann.user.id);
    assert.equal(
      await whoIs(cookieHeader(await encryptV5({ sub: ann.user.id, email: bob.user.email }, NEW))),
      ann.user.id,
    );
    assert.equal(
      await whoIs(cookieHeader(await encryptV5({ sub: randomUUID(), email: bob.user.email }, NEW))),
      bob.user.id,
    );
  });

  test("of either secret during a rotation", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), OLD))), ann.user.id);
    // During a rotation Auth.js gets all secrets and encrypts with the first.
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), [OLD, NEW]))), ann.user.id);
  });

  test("without kid, and with A256GCM, as Auth.js accepts them too", async () => {
    const claims = JSON.stringify({ email: ann.user.email, exp: inAnHour() });
    const cbc = await encryptRaw(claims, deriveKey(NEW), { alg: "dir", enc: "A256CBC-HS512" });
    assert.equal(await whoIs(cookieHeader(cbc)), ann.user.id);
    const gcm = await encryptRaw(claims, deriveKey(NEW, 32), { alg: "dir", enc: "A256GCM" });
    assert.equal(await whoIs(cookieHeader(gcm)), ann.user.id);
  });

  test("in chunks in any order, as Auth.js splits a token that is too long for one cookie", async () => {
    for (const bytes of [4000, 9000]) {
      const cookie = cookieHeader(await encryptV5({ ...claimsFor(ann.user), ...padding(bytes) }, NEW));
      assert.ok(cookie.includes(`${V5_COOKIE}.1=`), "the token is in chunks");
      assert.equal(await whoIs(cookie), ann.user.id);
      assert.equal(await whoIs(cookie.split("; ").reverse().join("; ")), ann.user.id);
      assert.equal(await whoIs(cookie.split("; ").slice(0, -1).join("; ")), null, "a chunk is missing");
    }
    const v4 = cookieHeader(await encryptV4({ ...claimsFor(ann.user), ...padding(5000) }, NEW), V4_COOKIE);
    assert.equal(await whoIs(v4), ann.user.id);
  });

  test("in the same cookie as the tokens of the server's own sessions", async () => {
    assert.equal(await whoIs(ann.cookie), ann.user.id);
    const vault = await ann.createVault("Mixed");
    const client = new RestClient(world.server.url, cookieHeader(await encryptV5(claimsFor(ann.user), NEW)));
    assert.equal((await client.createSource(vault.id)).vaultId, vault.id);
  });

  test("on https only with the prefix, because the cookie name is the salt", async () => {
    const server = await world.startServer({
      env: { AUTH_SECRET: NEW, SYNCSCRIPT_PUBLIC_URL: "https://sync.example.test" },
    });
    const secure = `__Secure-${V5_COOKIE}`;
    const token = await encryptV5(claimsFor(ann.user), NEW, { salt: secure });
    assert.equal(await whoIs(cookieHeader(token, secure), server), ann.user.id);
    assert.equal(await whoIs(cookieHeader(token), server), null);
    const plain = await encryptV5(claimsFor(ann.user), NEW);
    assert.equal(await whoIs(cookieHeader(plain), server), null);
    assert.equal(await whoIs(cookieHeader(plain, secure), server), null, "the salt of http");
    const v4 = await encryptV4(claimsFor(ann.user), NEW);
    assert.equal(await whoIs(cookieHeader(v4, `__Secure-${V4_COOKIE}`), server), ann.user.id);
    assert.equal(await whoIs(cookieHeader(v4, V4_COOKIE), server), null);
  });
});

describe("a token is rejected", () => {
  test("if no user has its address or id, or the issuer marks the address as unverified", async () => {
    for (const claims of [
      { email: "nobody@example.test" },
      { sub: randomUUID() },
      { sub: "1", name: "Ann" },
      {},
      { email: "" },
      { email: `${ann.user.email}\0` },
      { email: ann.user.email, email_verified: false },
    ])
      assert.equal(await whoIs(cookieHeader(await encryptV5(claims, NEW))), null, JSON.stringify(claims));
    // Claims of other types match no user either.
    for (const email of [7, [ann.user.email], { $ne: null }])
      assert.equal(await whoIs(cookieHeader(await encryptV5({ email }, NEW))), null);
  });

  test("if it is expired beyond the 15 s tolerance of Auth.js, not yet valid, or has no expiry", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), NEW, { maxAge: -16 }))), null);
    assert.equal(
      await whoIs(cookieHeader(await encryptV4(claimsFor(ann.user), NEW, { maxAge: -16 }), V4_COOKIE)),
      null,
    );
    const header = { alg: "dir", enc: "A256CBC-HS512" };
    const early = { email: ann.user.email, exp: inAnHour(), nbf: inAnHour() };
    for (const claims of [early, { email: ann.user.email }, { email: ann.user.email, exp: "never" }])
      assert.equal(await whoIs(cookieHeader(await encryptRaw(JSON.stringify(claims), deriveKey(NEW), header))), null);
  });

  test("with another secret, or another salt", async () => {
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), newSecret()))), null);
    assert.equal(await whoIs(cookieHeader(await encryptV4(claimsFor(ann.user), newSecret()), V4_COOKIE)), null);
    for (const salt of [`__Secure-${V5_COOKIE}`, V4_COOKIE, "", "other"])
      assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), NEW, { salt }))), null, salt);
    // A token of one version is invalid as a token of the other.
    assert.equal(await whoIs(cookieHeader(await encryptV5(claimsFor(ann.user), NEW), V4_COOKIE)), null);
    assert.equal(await whoIs(cookieHeader(await encryptV4(claimsFor(ann.user), NEW))), null);
  });

  test("if any part is changed, including bits that decoders ignore", async () => {
    for (const [token, cookie] of [
      [await encryptV5(claimsFor(ann.user), NEW), V5_COOKIE],
      [await encryptV4(claimsFor(ann.user), NEW), V4_COOKIE],
    ]) {
      const parts = token.split(".");
      assert.equal(await whoIs(cookieHeader(token, cookie)), ann.user.id);
      for (const part of [0, 2, 3, 4]) {
        // The last letter has unused bits: accepting another letter would allow two tokens for one session.
        for (const at of [0, Math.floor(parts[part].length / 2), parts[part].length - 1]) {
          const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
          const changed = letters[letters.indexOf(parts[part][at]) ^ 1];
          const forged = replacePart(parts, part, parts[part].slice(0, at) + changed + parts[part].slice(at + 1)).join(
            ".",
          );
          assert.equal(await whoIs(cookieHeader(forged, cookie)), null, `part ${part}, letter ${at}`);
        }
        const cut = replacePart(parts, part, parts[part].slice(0, -4)).join(".");
        assert.equal(await whoIs(cookieHeader(cut, cookie)), null, `part ${part} cut`);
        assert.equal(
          await whoIs(cookieHeader(replacePart(parts, part, "").join("."), cookie)),
          null,
          `part ${part} empty`,
        );
        assert.equal(
          await whoIs(cookieHeader(replacePart(parts, part, `${parts[part]}=`).join("."), cookie)),
          null,
          "padded",
        );
      }
      assert.equal(
        await whoIs(cookieHeader(replacePart(parts, 1, "AAAA").join("."), cookie)),
        null,
        "an unexpected encrypted key",
      );
      assert.equal(await whoIs(cookieHeader(`${token}.`, cookie)), null);
      assert.equal(await whoIs(cookieHeader(parts.slice(0, 4).join("."), cookie)), null);
    }
  });

  test("with another alg or enc, including none, with an unknown extension, or compressed", async () => {
    const claims = JSON.stringify({ email: ann.user.email, exp: inAnHour() });
    const key = deriveKey(NEW);
    const tokens = {
      "A192CBC-HS384": await encryptRaw(claims, deriveKey(NEW, 48), { alg: "dir", enc: "A192CBC-HS384" }),
      "A128CBC-HS256": await encryptRaw(claims, deriveKey(NEW, 32), { alg: "dir", enc: "A128CBC-HS256" }),
      A256KW: await encryptRaw(claims, deriveKey(NEW, 32), { alg: "A256KW", enc: "A256CBC-HS512" }),
      "another kid": await encryptRaw(claims, key, { alg: "dir", enc: "A256CBC-HS512", kid: "AAAA" }),
      "the kid of the other secret": await encryptRaw(claims, key, {
        alg: "dir",
        enc: "A256CBC-HS512",
        kid: thumbprint(deriveKey(OLD)),
      }),
      "a signed token": await new SignJWT({ email: ann.user.email })
        .setProtectedHeader({ alg: "HS512" })
        .setExpirationTime("1h")
        .sign(key),
      "content that is not JSON": await encryptRaw("ann", key, { alg: "dir", enc: "A256CBC-HS512" }),
      "content that is not an object": await encryptRaw("[]", key, { alg: "dir", enc: "A256CBC-HS512" }),
    };
    const json = (value) => base64url.encode(JSON.stringify(value));
    tokens["alg none, unsigned"] = `${json({ alg: "none" })}.${base64url.encode(claims)}.`;
    for (const header of [
      { alg: "none" },
      { alg: "none", enc: "none" },
      { alg: "dir", enc: "none" },
      { alg: "dir" },
      { alg: "dir", enc: "A256CBC-HS512" },
      { alg: "dir", enc: "A256GCM" },
      "dir",
    ])
      tokens[`invented: ${JSON.stringify(header)}`] = [header, "", "0123456789abcdef", claims, ""]
        .map((part, i) => (i === 0 ? json(part) : base64url.encode(part)))
        .join(".");
    for (const [what, token] of Object.entries(tokens)) assert.equal(await whoIs(cookieHeader(token)), null, what);

    const withExtension = new EncryptJWT({ email: ann.user.email }).setExpirationTime("1h");
    withExtension.setProtectedHeader({ alg: "dir", enc: "A256CBC-HS512", crit: ["b64"], b64: true });
    const critical = await withExtension.encrypt(key, { crit: { b64: true } });
    assert.equal(await whoIs(cookieHeader(critical)), null, "an unknown critical extension");
  });

  test("over 16 KiB in total", async () => {
    const accepted = await encryptV5({ ...claimsFor(ann.user), ...padding(14_500) }, NEW);
    const tooLong = await encryptV5({ ...claimsFor(ann.user), ...padding(17_000) }, NEW);
    assert.ok(accepted.length < 16 * 1024 && tooLong.length > 16 * 1024, `${accepted.length} ${tooLong.length}`);
    assert.equal(await whoIs(cookieHeader(accepted)), ann.user.id);
    assert.equal(await whoIs(cookieHeader(tooLong)), null);
    assert.equal(await whoIs(`${V5_COOKIE}=${tooLong}`), null);
    const many = Array.from({ length: 500 }, (_, i) => `${V5_COOKIE}.${i}=x`).join("; ");
    assert.equal(await whoIs(many), null);
  });

  test("if no secret is set", async () => {
    const server = await world.startServer();
    for (const [encrypt, cookie] of [
      [encryptV5, V5_COOKIE],
      [encryptV4, V4_COOKIE],
    ]) {
      for (const secret of [NEW, "x"])
        assert.equal(await whoIs(cookieHeader(await encrypt(claimsFor(ann.user), secret), cookie), server), null);
    }
    assert.equal(await whoIs(ann.cookie, server), ann.user.id);
  });
});

function thumbprint(key) {
  const jwk = `{"k":"${base64url.encode(key)}","kty":"oct"}`;
  return createHash("sha512").update(jwk).digest("base64url");
}

test("the log has no token and no secret", async () => {
  const token = await encryptV5(claimsFor(ann.user), NEW);
  await whoIs(cookieHeader(token));
  await whoIs(cookieHeader(`${token.slice(0, -4)}AAAA`));
  const log = world.server.stderr.join("\n");
  for (const secret of [NEW, OLD, token, token.split(".")[3]]) assert.ok(!log.includes(secret));
});
