// A user who works over REST instead of a browser.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const PASSWORD = "correct horse battery staple";

export class RestUser {
  constructor(url) {
    this.url = url;
  }

  /** Registers a user and signs in. */
  static async signUp(url, name) {
    const user = new RestUser(url);
    const email = `user.${randomUUID().slice(0, 8)}@example.test`;
    await user.request("POST", "/api/auth/register", { email, name, password: PASSWORD });
    return user.signIn(email, PASSWORD);
  }

  async signIn(email, password) {
    const { headers } = await this.request("POST", "/api/auth/login", { email, password });
    this.cookie = headers.getSetCookie()[0].split(";")[0];
    this.user = (await this.request("GET", "/api/auth/session")).body.user;
    return this;
  }

  /** Sends a request, which must succeed. */
  async request(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(this.cookie && { cookie: this.cookie }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path} -> ${response.status} ${text}`);
    return { headers: response.headers, body: text === "" ? null : JSON.parse(text) };
  }

  async createVault(name) {
    return (await this.request("POST", "/api/vaults", { name })).body.vault;
  }

  async addMember(vault, other, role) {
    await this.request("POST", `/api/vaults/${vault.id}/members`, { email: other.user.email, role });
  }

  async addSource(vault, title, fileUrl = "https://example.com/file.pdf") {
    return (await this.request("POST", `/api/vaults/${vault.id}/sources`, { title, fileUrl })).body.source;
  }

  async changeSource(source, change) {
    return (await this.request("PATCH", `/api/sources/${source.id}`, change)).body.source;
  }

  async removeSource(source) {
    await this.request("DELETE", `/api/sources/${source.id}`);
  }
}
