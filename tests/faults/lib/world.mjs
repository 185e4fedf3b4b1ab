// The system under test: the cluster, two servers, vaults, users, writers and subscribers.
import { Database } from "../../e2e/lib/database.mjs";
import { RestClient } from "../../e2e/lib/rest.mjs";
import { CleanupStack } from "../../e2e/lib/wait.mjs";
import { BurstWriter } from "./bursts.mjs";
import { FaultProxy } from "./fault-proxy.mjs";
import { LossyRecord } from "./lossy-record.mjs";
import { Membership, Owner } from "./memberships.mjs";
import { MutationHistory } from "./mutation-history.mjs";
import { Node } from "./node.mjs";
import { Random } from "./random.mjs";
import { Subscriber, TRANSPORTS } from "./subscriber.mjs";
import { Writer } from "./writers.mjs";

const VAULTS = 4;
const SUBSCRIBERS = 9;
const WRITERS = 4;
const GUESTS = 2;
const BURSTS = 2;
/** The share of the writers' attempts that get a fault. */
const FAULT_RATE = 0.06;

export class World extends CleanupStack {
  history = new MutationHistory();
  subscribers = [];
  writers = [];
  bursts = [];
  memberships = [];
  vaultIds = [];
  /** Every node so far, including those of the scenarios. */
  servers = [];

  constructor(cluster, seed) {
    super();
    this.cluster = cluster;
    this.seed = seed;
  }

  static async open(cluster, seed) {
    const world = new World(cluster, seed);
    try {
      await world.#build();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #build() {
    this.database = this.defer(await Database.create(), (database) => database.drop());
    this.databaseProxy = await this.openProxy({ port: Number(new URL(this.database.url).port) });
    const overProxy = new URL(this.database.url);
    overProxy.port = this.databaseProxy.port;
    this.nodes = [await this.startNode("A"), await this.startNode("B", {}, overProxy.href)];
    this.ownerRest = await this.signUp("Owner");
    for (let i = 0; i < VAULTS; i++) this.vaultIds.push((await this.ownerRest.createVault(`Vault ${i}`)).id);
    for (let i = 0; i < SUBSCRIBERS; i++) await this.#addSubscriber(i);
    for (let i = 0; i < WRITERS; i++) await this.#addWriter(i);
    for (let i = 0; i < GUESTS; i++) await this.#addGuest(i);
    for (let i = 0; i < BURSTS; i++) await this.#addBurst(i);
    this.owner = new Owner({
      ...(await this.#clientOptions("owner", this.ownerRest)),
      memberships: this.memberships.filter(({ churns }) => churns),
    });
    // Mutations up to here have no keys.
    this.base = new Map();
    for (const vaultId of this.vaultIds) this.base.set(vaultId, await this.database.headSeq(vaultId));
  }

  /** Starts another server; it is killed when the world closes. */
  async startNode(name, env = {}, databaseUrl = this.database.url) {
    const node = this.defer(new Node(name, databaseUrl, env), (node) => node.kill());
    this.servers.push(node);
    await node.start();
    return node;
  }

  /** A client for the owner's requests without keys or retries. The first node must be up. */
  get ownerAtNode() {
    return this.ownerRest.at(this.nodes[0]);
  }

  /** Signs up and logs in a user. */
  signUp(name) {
    return RestClient.signUp(this.nodes[0], name);
  }

  /** Opens a proxy to a node, or to anything with a port. */
  async openProxy(node = this.nodes[0]) {
    return this.defer(await FaultProxy.to(node), (proxy) => proxy.close());
  }

  /** Creates a subscriber that is closed with the world. */
  subscriber(options) {
    return this.defer(new Subscriber(options), (subscriber) => subscriber.close());
  }

  async #addSubscriber(i) {
    const transports = Object.keys(TRANSPORTS);
    const rest = await this.signUp(`Subscriber${i}`);
    const vaultIds = this.vaultIds.filter((_, v) => v !== i % VAULTS && (v + i) % 4 !== 2);
    const membershipOf = (vaultId) =>
      this.memberships.find((membership) => membership.subscriber === subscriber && membership.vaultId === vaultId);
    const subscriber = this.subscriber({
      name: `subscriber ${i}`,
      transport: transports[i % transports.length],
      user: rest.user,
      cookie: rest.cookie,
      proxy: await this.openProxy(this.nodes[i % 2]),
      loadFirst: i >= 6,
      mayJoin: (vaultId) => membershipOf(vaultId).isMember,
    });
    this.subscribers.push(subscriber);
    for (const [n, vaultId] of vaultIds.entries()) {
      const role = n % 2 === 0 ? "viewer" : "contributor";
      await this.ownerRest.addMember(vaultId, rest.user, role);
      const membership = new Membership({ subscriber, vaultId, user: rest.user, role });
      // Per third of the subscribers, the owner changes none, one or two of their memberships.
      membership.churns = Math.floor(i / 3) > n;
      this.memberships.push(membership);
      if (i === 0 && n === 0) this.lossyRecord = new LossyRecord(vaultId);
      subscriber.follow(vaultId, i === 0 && n === 0 ? [this.lossyRecord] : []);
    }
  }

  async #addWriter(i) {
    const rest = await this.signUp(`Writer${i}`);
    for (const vaultId of this.vaultIds) await this.ownerRest.addMember(vaultId, rest.user, "contributor");
    const vaultIds = i === 0 ? this.vaultIds.slice(0, 1) : this.vaultIds;
    this.writers.push(new Writer({ name: `writer${i}`, vaultIds, ...(await this.#clientOptions(`writer${i}`, rest)) }));
  }

  async #addBurst(i) {
    const rest = await this.signUp(`BurstWriter${i}`);
    for (const vaultId of this.vaultIds) await this.ownerRest.addMember(vaultId, rest.user, "contributor");
    this.bursts.push(
      new BurstWriter({
        name: `burst${i}`,
        vaultIds: this.vaultIds,
        ...(await this.#clientOptions(`burst${i}`, rest)),
      }),
    );
  }

  /** Adds a writer whose memberships the owner changes: the user of a subscriber. */
  async #addGuest(i) {
    const { subscriber } = this.memberships.filter(({ churns }) => churns)[i * 2];
    const vaultIds = this.memberships
      .filter((membership) => membership.subscriber === subscriber)
      .map(({ vaultId }) => vaultId);
    const options = await this.#clientOptions(`guest${i}`, subscriber);
    this.writers.push(new Writer({ name: `guest${i}`, guest: true, vaultIds, ...options }));
  }

  async #clientOptions(name, { user, cookie }) {
    const { nodes, history, seed } = this;
    return {
      user,
      cookie,
      nodes,
      history,
      proxy: await this.openProxy(),
      random: new Random(seed, name),
      faultRate: FAULT_RATE,
    };
  }

  /** Starts the writers and the owner. Returns a function that stops them and waits up to `ms` for their responses. */
  work() {
    let stopped = false;
    const workers = [...this.writers, ...this.bursts, this.owner];
    const done = Promise.all(workers.map((worker) => worker.run(() => stopped)));
    // A failure is reported when the work is stopped.
    done.catch(() => {});
    return async (ms) => {
      stopped = true;
      const deadline = setTimeout(() => (this.history.closed = true), ms);
      await done.finally(() => clearTimeout(deadline));
    };
  }
}
