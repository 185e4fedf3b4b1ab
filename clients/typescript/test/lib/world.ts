// A test's environment: a database, a server, users and a vault. Everything is closed when the test ends.
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
  readonly #cleanups: (() => unknown)[] = [];
  readonly database: Database;
  readonly #env: NodeJS.ProcessEnv;
  server!: Server;
  owner!: User;
  vaultId!: string;

  private constructor(test: TestContext, database: Database, env: NodeJS.ProcessEnv) {
    this.#test = test;
    this.database = database;
    this.#env = env;
    // Newest first. A cleanup that fails does not stop the others.
    test.after(async () => {
      const failures: unknown[] = [];
      for (const cleanup of this.#cleanups.reverse()) {
        try {
          await cleanup();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    });
    this.#cleanups.push(() => database.drop());
  }

  static async open(test: TestContext, env: NodeJS.ProcessEnv = {}): Promise<World> {
    const world = new World(test, await Database.create(), env);
    await world.startServer();
    world.owner = await world.signUp("owner");
    world.vaultId = await world.owner.createVault();
    return world;
  }

  /** Starts the server. A restarted server keeps its port. */
  async startServer(): Promise<void> {
    const start = () => Server.start(this.database.url, { port: this.server?.port ?? 0, env: this.#env });
    // Between two servers the port is free for a moment, and another connection on this machine may take it.
    const server = await start().catch(start).catch(start);
    this.server = server;
    this.#cleanups.push(() => server.end("SIGKILL"));
  }

  signUp(name: string): Promise<User> {
    return User.signUp(this.server.url, name);
  }

  async proxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.start(this.server.port);
    this.#cleanups.push(() => proxy.close());
    return proxy;
  }

  client(user = this.owner, url = this.server.url, options: VaultClientOptions = {}): VaultClient {
    const client = new VaultClient(url, { headers: { cookie: user.cookie }, ...options });
    this.#cleanups.push(() => client.close());
    return client;
  }

  /** Watches the vault and records every call of a handler. */
  watch(client: VaultClient, options?: WatchOptions, vaultId = this.vaultId): WatchRecorder {
    return new WatchRecorder(client, vaultId, options, (text) => this.#test.diagnostic(text));
  }
}

export class WatchRecorder {
  readonly events: VaultEvent[] = [];
  readonly states: WatchState[] = [];
  readonly errors: unknown[] = [];
  readonly reloads: ReloadRequest[] = [];
  /** Handles a reload. By default, a test expects no reload. */
  reload: (request: ReloadRequest) => Promise<number> = () => Promise.reject(new Error("no reload was expected"));
  readonly watch: Watch;

  constructor(client: VaultClient, vaultId: string, options: WatchOptions | undefined, log: (text: string) => void) {
    this.watch = client.watch(
      vaultId,
      {
        onEvent: (event) => this.events.push(event),
        onState: (state) => this.states.push(state),
        onError: (error) => {
          this.errors.push(error);
          log(`onError: ${String(error)}`);
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

  get summary(): string {
    const { state, counters } = this.watch;
    return JSON.stringify({ state, counters, seqs: this.seqs.slice(-20), states: this.states.slice(-20) });
  }

  /** Waits for a status, and returns the state. */
  async reachStatus<S extends WatchState["status"]>(status: S): Promise<WatchState & { status: S }> {
    await eventually(
      () => this.watch.state.status === status,
      () => `state ${status}; ${this.summary}`,
    );
    return this.watch.state as WatchState & { status: S };
  }

  /** Waits until the watch is live at `seq` or later. */
  async reachSeq(seq: number, ms?: number): Promise<void> {
    await eventually(
      () => (this.watch.seq ?? -1) >= seq && this.watch.state.status === "live",
      () => `live at ${seq}; ${this.summary}`,
      ms,
    );
  }

  /** Waits for an event after `seq`. */
  async passSeq(seq: number): Promise<void> {
    await eventually(
      () => (this.watch.seq ?? -1) > seq,
      () => `an event after ${seq}; ${this.summary}`,
    );
  }
}
