// The system under test: a database, one or more servers, users and vaults.
import { Database } from "./database.mjs";
import { RestClient } from "./rest.mjs";
import { Server } from "./server.mjs";
import { Subscriber } from "./subscriber.mjs";
import { CleanupStack } from "./wait.mjs";

export class World extends CleanupStack {
  users = {};

  /**
   * Creates a database with one server and registers the named users. Close it after the test:
   * `t.after(() => world.close())`.
   */
  static async open({ env = {}, users = ["owner"] } = {}) {
    const world = new World();
    try {
      world.database = world.defer(await Database.create(), (database) => database.drop());
      world.server = await world.startServer({ env });
      await Promise.all(users.map((name) => world.signUp(name)));
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /** Starts another server process on this database. */
  async startServer(options = {}) {
    return this.defer(await Server.start({ database: this.database, ...options }), (server) => server.end("SIGKILL"));
  }

  async signUp(name) {
    this.users[name] = await RestClient.signUp(this.server, name);
    return this.users[name];
  }

  /** Creates a vault of the user `owner`. Users named contributor and viewer, if any, get those roles. */
  async vault(name = "Vault") {
    const { owner } = this.users;
    const vault = await owner.createVault(name);
    for (const role of ["contributor", "viewer"]) {
      if (this.users[role]) await owner.addMember(vault.id, this.users[role].user, role);
    }
    return vault;
  }

  /** Connects a client, which is closed with the world. */
  async subscriber(rest, { server = this.server, ...options } = {}) {
    return this.defer(await Subscriber.connect(server, rest, options), (subscriber) => subscriber.close());
  }

  /** Starts a client that the server may reject. It is closed with the world. */
  attempt(options, server = this.server) {
    return this.defer(new Subscriber(server.url, options), (subscriber) => subscriber.close());
  }

  /** Connects a client and joins the vault's room. `joined` has the data of `vault:joined`. */
  async member(rest, vaultId, options) {
    const subscriber = await this.subscriber(rest, options);
    subscriber.joined = await subscriber.join(vaultId);
    return subscriber;
  }
}
