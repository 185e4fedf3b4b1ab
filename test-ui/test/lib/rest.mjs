// A user who works over REST, beside those in the browser.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

export const PASSWORD = "correct horse battery staple";

export class Rest {
  constructor(url) {
    this.url = url;
  }

  /** A new user, signed in. */
  static async signUp(url, name) {
    const rest = new Rest(url);
    const email = `user.${randomUUID().slice(0, 8)}@example.test`;
    await rest.ask("POST", "/api/auth/register", { email, name, password: PASSWORD });
    return rest.signIn(email, PASSWORD);
  }

  async signIn(email, password) {
    const { headers } = await this.ask("POST", "/api/auth/login", { email, password });
    this.cookie = headers.getSetCookie()[0].split(";")[0];
    this.user = (await this.ask("GET", "/api/auth/session")).body.user;
    return this;
  }

  /** One request, which must succeed. */
  async ask(method, path, body, headers = {}) {
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
    return (await this.ask("POST", "/api/vaults", { name })).body.vault;
  }

  async addMember(vault, other, role) {
    await this.ask("POST", `/api/vaults/${vault.id}/members`, { email: other.user.email, role });
  }

  async addSource(vault, title, fileUrl = "https://example.com/file.pdf") {
    return (await this.ask("POST", `/api/vaults/${vault.id}/sources`, { title, fileUrl })).body.source;
  }

  async changeSource(source, change) {
    return (await this.ask("PATCH", `/api/sources/${source.id}`, change)).body.source;
  }

  async removeSource(source) {
    await this.ask("DELETE", `/api/sources/${source.id}`);
  }
}
