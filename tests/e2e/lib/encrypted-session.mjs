// Tokens as Auth.js (v5) and NextAuth.js (v4) make them, by their own packages, and cookies that hold them.
import "./webcrypto.mjs";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { encode as encodeV5 } from "@auth/core/jwt";

const require = createRequire(import.meta.url);
const { encode: encodeV4 } = require("next-auth-4/jwt");

export const V5_COOKIE = "authjs.session-token";
export const V4_COOKIE = "next-auth.session-token";
/** Auth.js writes no more into one cookie. */
const CHUNK = 4096 - 160;

export const newSecret = () => randomBytes(33).toString("base64");

/** A token of version 5, by default one for http. */
export const encryptV5 = (claims, secret, { salt = V5_COOKIE, maxAge = 3600 } = {}) =>
  encodeV5({ token: claims, secret, salt, maxAge });

/** A token of version 4. */
export const encryptV4 = (claims, secret, { maxAge = 3600 } = {}) => encodeV4({ token: claims, secret, maxAge });

/** The `Cookie` header that a browser sends for a token which Auth.js has set, in chunks where it is long. */
export function cookieHeader(token, name = V5_COOKIE) {
  if (token.length <= CHUNK) return `${name}=${token}`;
  const chunks = token.match(new RegExp(`.{1,${CHUNK}}`, "g"));
  return chunks.map((chunk, i) => `${name}.${i}=${chunk}`).join("; ");
}

/** What an Auth.js front end puts into a token of this user. */
export const claimsFor = (user) => ({ name: user.name, email: user.email, picture: null, sub: "clx3k2p9q0000" });
