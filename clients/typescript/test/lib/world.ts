// A database, a server, users, a vault; and everything that was opened is closed when the test ends.
import type { TestContext } from "node:test";
import {
  type ReloadRequest,
  VaultClient,
  type VaultClientOptions,
  type VaultEvent,
  type Watch,
  type WatchOptions,
  type WatchState,
} from "@syncscript/client";
import { Database } from "./database.js";
import { Server } from "./server.js";
import { TcpProxy } from "./tcp-proxy.js";
import { User } from "./user.js";
import { eventually } from "./wait.js";

export class World {
  readonly #test: TestContext;
  readonly #undo: (() => unknown)[] = [];
  readonly database: Database;
  readonly #env: NodeJS.ProcessEnv;
  server!: Server;
  owner!: User;
  vaultId!: string;

  private constructor(test: TestContext, database: Database, env: NodeJS.ProcessEnv) {
    this.#test = test;
    this.database = database;
    this.#env = env;
    // Newest first, and one that fails keeps none from being undone.
    test.after(async () => {
      const failures: unknown[] = [];
      for (const undo of this.#undo.reverse()) {
        try {
          await undo();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
    this.#undo.push(() => database.drop());
  }

  static async open(test: TestContext, env: NodeJS.ProcessEnv = {}): Promise<World> {
    const world = new World(test, await Database.create(), env);
    await world.startServer();
    world.owner = await world.signUp("owner");
    world.vaultId = await world.owner.createVault();
    return world;
  }

  /** Starts the server, on the port it had before if it ran before. */
  async startServer(): Promise<void> {
    const start = () => Server.start(this.database.url, { port: this.server?.port ?? 0, env: this.#env });
    // The port is free for a moment between two servers, and any connection of the machine may use it for another.
    const server = await start().catch(start).catch(start);
    this.server = server;
    this.#undo.push(() => server.end("SIGKILL"));
  }

  signUp(name: string): Promise<User> {
    return User.signUp(this.server.url, name);
  }

  async proxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.to(this.server.port);
    this.#undo.push(() => proxy.close());
    return proxy;
  }

  client(user = this.owner, url = this.server.url, options: VaultClientOptions = {}): VaultClient {
    const client = new VaultClient(url, { headers: { cookie: user.cookie }, ...options });
    this.#undo.push(() => client.close());
    return client;
  }

  /** Watches the vault and keeps what it hears. */
  watch(client: VaultClient, options?: WatchOptions, vaultId = this.vaultId): Seen {
    return new Seen(client, vaultId, options, (text) => this.#test.diagnostic(text));
  }
}

export class Seen {
  readonly events: VaultEvent[] = [];
  readonly states: WatchState[] = [];
  readonly errors: unknown[] = [];
  readonly reloads: ReloadRequest[] = [];
  /** Resolves a reload; by default a test expects none. */
  reload: (request: ReloadRequest) => Promise<number> = () => Promise.reject(new Error("no reload was expected"));
  readonly watch: Watch;

  constructor(client: VaultClient, vaultId: string, options: WatchOptions | undefined, note: (text: string) => void) {
    this.watch = client.watch(
      vaultId,
      {
        onEvent: (event) => this.events.push(event),
        onState: (state) => this.states.push(state),
        onError: (error) => {
          this.errors.push(error);
          note(`onError: ${String(error)}`);
        },
        reload: (request) => {
          this.reloads.push(request);
          return this.reload(request);
        },
      },
      options,
    );
  }

  get seqs(): number[] {
    return this.events.map((event) => event.seq);
  }

  get ids(): string[] {
    return this.events.map((event) => event.eventId);
  }

  get story(): string {
    const { state, counters } = this.watch;
    return JSON.stringify({ state, counters, seqs: this.seqs.slice(-20), states: this.states.slice(-20) });
  }

  /** Awaits that state, and returns it. */
  async status<S extends WatchState["status"]>(status: S): Promise<WatchState & { status: S }> {
    await eventually(
      () => this.watch.state.status === status,
      () => `state ${status}; ${this.story}`,
    );
    return this.watch.state as WatchState & { status: S };
  }

  /** Awaits the event of that seq. */
  async upTo(seq: number, ms?: number): Promise<void> {
    await eventually(
      () => (this.watch.seq ?? -1) >= seq && this.watch.state.status === "live",
      () => `live at ${seq}; ${this.story}`,
      ms,
    );
  }

  /** Awaits any event after that seq. */
  async past(seq: number): Promise<void> {
    await eventually(
      () => (this.watch.seq ?? -1) > seq,
      () => `an event after ${seq}; ${this.story}`,
    );
  }
}
