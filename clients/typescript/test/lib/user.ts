// A signed-in user of the REST API.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Source } from "@syncscript/client";

const PASSWORD = "correct horse battery staple";

export class User {
  readonly email: string;
  readonly #url: string;
  cookie = "";
  id = "";

  private constructor(url: string, name: string) {
    this.#url = url;
    this.email = `${name}.${randomUUID().slice(0, 8)}@example.test`;
  }

  static async signUp(url: string, name: string): Promise<User> {
    const user = new User(url, name);
    const { email } = user;
    await user.request(201, "POST", "/api/auth/register", { email, name, password: PASSWORD });
    await user.signIn();
    return user;
  }

  async signIn(): Promise<void> {
    const { headers, body } = await this.request(200, "POST", "/api/auth/login", {
      email: this.email,
      password: PASSWORD,
    });
    this.cookie = headers.getSetCookie()[0]?.split(";")[0] ?? "";
    this.id = (body as { user: { id: string } }).user.id;
  }

  /** Sends a request and asserts the status of the response. */
  async request(status: number, method: string, path: string, body?: unknown) {
    const response = await fetch(this.#url + path, {
      method,
      headers: { cookie: this.cookie, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    assert.equal(response.status, status, `${method} ${path}: ${text}`);
    return { headers: response.headers, body: text === "" ? null : (JSON.parse(text) as unknown) };
  }

  async createVault(name = "Vault"): Promise<string> {
    return ((await this.request(201, "POST", "/api/vaults", { name })).body as { vault: { id: string } }).vault.id;
  }

  addMember(vaultId: string, user: User, role = "viewer") {
    return this.request(201, "POST", `/api/vaults/${vaultId}/members`, { email: user.email, role });
  }

  removeMember(vaultId: string, user: User) {
    return this.request(204, "DELETE", `/api/vaults/${vaultId}/members/${user.id}`);
  }

  async createSource(vaultId: string, title = "A source"): Promise<Source> {
    const source = { title, fileUrl: "https://example.test/paper.pdf" };
    return ((await this.request(201, "POST", `/api/vaults/${vaultId}/sources`, source)).body as { source: Source })
      .source;
  }

  async createSources(vaultId: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.createSource(vaultId, `Source ${i}`);
  }
}
