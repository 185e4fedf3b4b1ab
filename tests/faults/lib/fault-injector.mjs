// Injects faults at random moments, one at a time or two at once, and waits for recovery after each round.
import { setTimeout as pause } from "node:timers/promises";
import { NETWORK_FAULTS, SLOW_NETWORK_FAULTS } from "./faults/network.mjs";
import { POSTGRES_FAULTS } from "./faults/postgres.mjs";
import { SERVER_FAULTS, SLOW_SERVER_FAULTS } from "./faults/server.mjs";
import { Random } from "./random.mjs";
import { waitForRecovery } from "./recovery.mjs";

const KINDS = { ...SERVER_FAULTS, ...POSTGRES_FAULTS, ...NETWORK_FAULTS };
/** Slow faults; a long run has each of them twice. */
const SLOW_KINDS = { ...SLOW_SERVER_FAULTS, ...SLOW_NETWORK_FAULTS };
const ALL_KINDS = { ...KINDS, ...SLOW_KINDS };

/** How many rounds may fail before the run stops injecting faults. */
const MAX_FAILURES = 3;

export class FaultInjector {
  /** `{kinds, took}` of each round; `took` is undefined if the system did not recover. */
  rounds = [];
  failures = [];
  #deck = [];

  /** `only` lists the kinds to inject; `print` prints a line. */
  constructor(world, { seed, seconds, only, print }) {
    Object.assign(this, { world, seconds, print });
    this.random = new Random(seed, "faults");
    this.kinds = only ?? Object.keys(KINDS);
    const unknown = this.kinds.filter((kind) => !ALL_KINDS[kind]);
    if (unknown.length > 0) throw new Error(`Unknown fault ${unknown}. Known faults: ${Object.keys(ALL_KINDS)}`);
    if (seconds >= 300 && !only) {
      const slow = Object.keys(SLOW_KINDS);
      this.#deck = this.random.shuffled([...this.kinds, ...this.kinds, ...slow, ...slow]);
    }
  }

  async run() {
    const end = performance.now() + this.seconds * 1000;
    while (performance.now() < end && this.failures.length < MAX_FAILURES) {
      await pause(this.random.logUniform(50, 1_500));
      await this.#round();
    }
  }

  /** How often each kind was injected. */
  get counts() {
    const counts = new Map();
    for (const kind of this.rounds.flatMap(({ kinds }) => kinds)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    return counts;
  }

  async #round() {
    const faults = [this.#draw()];
    if (this.random.chance(0.4)) {
      const second = this.#draw((fault) => !fault.takes.some((resource) => faults[0].takes.includes(resource)));
      if (second) faults.push(second);
    }
    const name = faults.map(({ kind, detail }) => `${kind}${detail && ` [${detail}]`}`).join(" + ");
    const round = { kinds: faults.map(({ kind }) => kind), took: undefined };
    this.rounds.push(round);
    const startedAt = performance.now();
    try {
      const [first, second] = faults;
      const offset = second ? this.random.uniform(0, first.ms) : 0;
      await Promise.all([inject(first), second && pause(offset).then(() => inject(second))]);
      const lasted = Math.round(performance.now() - startedAt);
      round.took = await waitForRecovery(this.world, this.print);
      const { events, writes } = round.took;
      this.print(`${name}: lasted ${lasted} ms; events after ${events} ms, writes after ${writes} ms`);
    } catch (error) {
      this.failures.push(`${name}: ${error.message}`);
      this.print(`FAILED ${name}: ${error.message}`);
    }
  }

  /** Draws the next kind from a shuffled deck, so that all kinds are about equally frequent. A kind that does not fit goes back. */
  #draw(fits = () => true) {
    if (this.#deck.length === 0) this.#deck = this.random.shuffled(this.kinds);
    const kind = this.#deck.shift();
    const fault = { kind, ...ALL_KINDS[kind](this.world, this.random) };
    if (fits(fault)) return fault;
    this.#deck.push(kind);
    return undefined;
  }
}

async function inject({ begin, ms, end }) {
  await begin();
  await pause(ms);
  await end();
}
