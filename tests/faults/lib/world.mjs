// All that a run consists of: the cluster, two servers, vaults, users, and who writes and follows.
import { Database } from "../../e2e/lib/database.mjs";
import { Rest } from "../../e2e/lib/rest.mjs";
import { Scope } from "../../e2e/lib/wait.mjs";
import { Burst } from "./bursts.mjs";
import { Follower, TRANSPORTS } from "./follower.mjs";
import { Leaky } from "./leaky.mjs";
import { Ledger } from "./ledger.mjs";
import { Link } from "./link.mjs";
import { Owner, Seat } from "./members.mjs";
import { Node } from "./node.mjs";
import { Random } from "./random.mjs";
import { Writer } from "./writers.mjs";

const VAULTS = 4;
const FOLLOWERS = 9;
const WRITERS = 4;
const GUESTS = 2;
const BURSTS = 2;
/** Share of the writers' attempts that their links spoil. */
const TROUBLED = 0.06;

export class World extends Scope {
  ledger = new Ledger();
  followers = [];
  writers = [];
  bursts = [];
  seats = [];
  vaultIds = [];
  /** Every server there was, those of scenarios included. */
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
    this.databaseLink = await this.link({ port: Number(new URL(this.database.url).port) });
    const overLink = new URL(this.database.url);
    overLink.port = this.databaseLink.port;
    this.nodes = [await this.startNode("A"), await this.startNode("B", {}, overLink.href)];
    this.ownerRest = await this.signUp("Owner");
    for (let i = 0; i < VAULTS; i++) this.vaultIds.push((await this.ownerRest.createVault(`Vault ${i}`)).id);
    for (let i = 0; i < FOLLOWERS; i++) await this.#addFollower(i);
    for (let i = 0; i < WRITERS; i++) await this.#addWriter(i);
    for (let i = 0; i < GUESTS; i++) await this.#addGuest(i);
    for (let i = 0; i < BURSTS; i++) await this.#addBurst(i);
    this.owner = new Owner({
      ...(await this.#caller("owner", this.ownerRest)),
      seats: this.seats.filter(({ plays }) => plays),
    });
    // What was done up to here has no keys.
    this.base = new Map();
    for (const vaultId of this.vaultIds) this.base.set(vaultId, await this.database.headSeq(vaultId));
  }

  /** One more server; it is killed when the world closes. */
  async startNode(name, env = {}, databaseUrl = this.database.url) {
    const node = this.defer(new Node(name, databaseUrl, env), (node) => node.kill());
    this.servers.push(node);
    await node.start();
    return node;
  }

  /** The owner's own requests, without key and repetition, at a server that is up. */
  get ownerAtNode() {
    return this.ownerRest.at(this.nodes[0]);
  }

  /** A user, signed in. */
  signUp(name) {
    return Rest.signUp(this.nodes[0], name);
  }

  /** A link to that node, or whatever has a port. */
  async link(node = this.nodes[0]) {
    return this.defer(await Link.to(node), (link) => link.close());
  }

  /** A follower who is closed with the world. */
  follower(options) {
    return this.defer(new Follower(options), (follower) => follower.close());
  }

  async #addFollower(i) {
    const transports = Object.keys(TRANSPORTS);
    const rest = await this.signUp(`Follower${i}`);
    const mine = this.vaultIds.filter((_, v) => v !== i % VAULTS && (v + i) % 4 !== 2);
    const seatOf = (vaultId) => this.seats.find((seat) => seat.follower === follower && seat.vaultId === vaultId);
    const follower = this.follower({
      name: `follower ${i}`,
      transport: transports[i % transports.length],
      user: rest.user,
      cookie: rest.cookie,
      link: await this.link(this.nodes[i % 2]),
      loadFirst: i >= 6,
      mayFollow: (vaultId) => seatOf(vaultId).isMember,
    });
    this.followers.push(follower);
    for (const [n, vaultId] of mine.entries()) {
      const role = n % 2 === 0 ? "viewer" : "contributor";
      await this.ownerRest.addMember(vaultId, rest.user, role);
      const seat = new Seat({ follower, vaultId, user: rest.user, role });
      // A third of the followers keep all their seats, a third one of two, a third none.
      seat.plays = Math.floor(i / 3) > n;
      this.seats.push(seat);
      if (i === 0 && n === 0) this.leaky = new Leaky(vaultId);
      follower.follow(vaultId, i === 0 && n === 0 ? [this.leaky] : []);
    }
  }

  async #addWriter(i) {
    const rest = await this.signUp(`Writer${i}`);
    for (const vaultId of this.vaultIds) await this.ownerRest.addMember(vaultId, rest.user, "contributor");
    const vaultIds = i === 0 ? this.vaultIds.slice(0, 1) : this.vaultIds;
    this.writers.push(new Writer({ name: `writer${i}`, vaultIds, ...(await this.#caller(`writer${i}`, rest)) }));
  }

  async #addBurst(i) {
    const rest = await this.signUp(`Burst${i}`);
    for (const vaultId of this.vaultIds) await this.ownerRest.addMember(vaultId, rest.user, "contributor");
    this.bursts.push(new Burst({ name: `burst${i}`, vaultIds: this.vaultIds, ...(await this.#caller(`burst${i}`, rest)) }));
  }

  /** A writer whose membership the owner plays with: a follower's user. */
  async #addGuest(i) {
    const { follower } = this.seats.filter(({ plays }) => plays)[i * 2];
    const vaultIds = this.seats.filter((seat) => seat.follower === follower).map(({ vaultId }) => vaultId);
    const caller = await this.#caller(`guest${i}`, follower);
    this.writers.push(new Writer({ name: `guest${i}`, guest: true, vaultIds, ...caller }));
  }

  async #caller(name, { user, cookie }) {
    const { nodes, ledger, seed } = this;
    return { user, cookie, nodes, ledger, link: await this.link(), random: new Random(seed, name), troubled: TROUBLED };
  }

  /** Writers and owner at work; returns how to stop them, which waits until all of them are answered, up to `ms`. */
  work() {
    let over = false;
    const workers = [...this.writers, ...this.bursts, this.owner];
    const done = Promise.all(workers.map((worker) => worker.run(() => over)));
    // Whatever fails here is reported when the work is stopped.
    done.catch(() => {});
    return async (ms) => {
      over = true;
      const lateness = setTimeout(() => (this.ledger.closed = true), ms);
      await done.finally(() => clearTimeout(lateness));
    };
  }
}
