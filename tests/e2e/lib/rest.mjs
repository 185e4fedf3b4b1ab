// A REST client with one user's session cookie.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const PASSWORD = "correct horse battery staple";

/** The session cookie of a login response, as `name=value`. */
function sessionCookie(headers) {
  const set = headers.getSetCookie().find((cookie) => /^(__Secure-)?authjs\.session-token=/.test(cookie));
  assert.ok(set, "the login sets the session cookie");
  return set.split(";")[0];
}

export class RestClient {
  constructor(url, cookie = null, user = null) {
    this.url = url;
    this.cookie = cookie;
    this.user = user;
  }

  /** Returns a client with the same session at another node. */
  at(server) {
    return new RestClient(server.url, this.cookie, this.user);
  }

  /** Sends one request and returns the response with any status. `body` is sent as JSON. */
  async request(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.cookie && { cookie: this.cookie }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const seq = response.headers.get("x-vault-seq");
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: text !== "" && /json/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : null,
      seq: seq === null ? null : Number(seq),
    };
  }

  /** Sends one request, whose response must have this status. */
  async expect(status, method, path, body) {
    const answer = await this.request(method, path, body);
    assert.equal(answer.status, status, `${method} ${path} -> ${answer.status} ${answer.text}`);
    return answer;
  }

  /** Logs in and stores the cookie. */
  async login(email, password = PASSWORD) {
    const answer = await this.expect(200, "POST", "/api/auth/login", { email, password });
    this.cookie = sessionCookie(answer.headers);
    this.user = (await this.expect(200, "GET", "/api/auth/session")).body.user;
    return this;
  }

  /** Registers a new user and logs in. */
  static async signUp(server, name) {
    const email = `${name.toLowerCase()}.${randomUUID().slice(0, 8)}@example.test`;
    const client = new RestClient(server.url);
    await client.expect(201, "POST", "/api/auth/register", { email, name, password: PASSWORD });
    return client.login(email);
  }

  async createVault(name = "Vault") {
    return (await this.expect(201, "POST", "/api/vaults", { name })).body.vault;
  }

  addMember(vaultId, user, role) {
    return this.expect(201, "POST", `/api/vaults/${vaultId}/members`, { email: user.email, role });
  }

  /** Creates a source and returns it with the event's seq. */
  async createSource(vaultId, title = "A source") {
    const answer = await this.expect(201, "POST", `/api/vaults/${vaultId}/sources`, newSource(title));
    return { ...answer.body.source, seq: answer.seq };
  }

  /** Like `createSource`, but returns null for a 503, as during an outage of the database. */
  async tryCreateSource(vaultId, title = "A source") {
    const answer = await this.request("POST", `/api/vaults/${vaultId}/sources`, newSource(title));
    if (answer.status === 503) return null;
    assert.equal(answer.status, 201, answer.text);
    return { ...answer.body.source, seq: answer.seq };
  }

  updateSource(sourceId, changes) {
    return this.expect(200, "PATCH", `/api/sources/${sourceId}`, changes);
  }

  deleteSource(sourceId) {
    return this.expect(204, "DELETE", `/api/sources/${sourceId}`);
  }
}

/** The body of a new source. */
export const newSource = (title = "A source") => ({ title, fileUrl: "https://example.test/paper.pdf" });
