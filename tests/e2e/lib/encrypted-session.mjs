// Encrypted session tokens made by the packages of Auth.js (v5) and NextAuth.js (v4), and their cookies.
import "./webcrypto.mjs";
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { encode as encodeV5 } from "@auth/core/jwt";

const require = createRequire(import.meta.url);
const { encode: encodeV4 } = require("next-auth-4/jwt");

export const V5_COOKIE = "authjs.session-token";
export const V4_COOKIE = "next-auth.session-token";
/** The longest value that Auth.js writes into one cookie. */
const CHUNK = 4096 - 160;

export const newSecret = () => randomBytes(33).toString("base64");

/** Makes a token of version 5, by default for http. */
export const encryptV5 = (claims, secret, { salt = V5_COOKIE, maxAge = 3600 } = {}) =>
  encodeV5({ token: claims, secret, salt, maxAge });

/** Makes a token of version 4. */
export const encryptV4 = (claims, secret, { maxAge = 3600 } = {}) => encodeV4({ token: claims, secret, maxAge });

/** The `Cookie` header that a browser sends for a token set by Auth.js: a long token is split into chunks. */
export function cookieHeader(token, name = V5_COOKIE) {
  if (token.length <= CHUNK) return `${name}=${token}`;
  const chunks = token.match(new RegExp(`.{1,${CHUNK}}`, "g"));
  return chunks.map((chunk, i) => `${name}.${i}=${chunk}`).join("; ");
}

/** The claims that an Auth.js front end puts into this user's token. */
export const claimsFor = (user) => ({ name: user.name, email: user.email, picture: null, sub: "clx3k2p9q0000" });
