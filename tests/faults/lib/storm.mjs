// Faults at random moments: one at a time, or two at once, each followed by a wait until everything is well again.
import { setTimeout as pause } from "node:timers/promises";
import { NETWORK_FAULTS, SLOW_NETWORK_FAULTS } from "./faults/network.mjs";
import { POSTGRES_FAULTS } from "./faults/postgres.mjs";
import { SERVER_FAULTS, SLOW_SERVER_FAULTS } from "./faults/server.mjs";
import { Random } from "./random.mjs";
import { recovered } from "./recovery.mjs";

const KINDS = { ...SERVER_FAULTS, ...POSTGRES_FAULTS, ...NETWORK_FAULTS };
/** These take long; a long run has each of them twice. */
const SLOW_KINDS = { ...SLOW_SERVER_FAULTS, ...SLOW_NETWORK_FAULTS };
const ALL_KINDS = { ...KINDS, ...SLOW_KINDS };

/** How many rounds may fail before the storm is given up. */
const ENOUGH = 3;

export class Storm {
  /** `{kinds, took}` of each round, `took` undefined if it did not recover. */
  rounds = [];
  failures = [];
  #deck = [];

  /** `only` names the kinds to take; `say` prints a line. */
  constructor(world, { seed, seconds, only, say }) {
    Object.assign(this, { world, seconds, say });
    this.random = new Random(seed, "faults");
    this.kinds = only ?? Object.keys(KINDS);
    const unknown = this.kinds.filter((kind) => !ALL_KINDS[kind]);
    if (unknown.length > 0) throw new Error(`There is no fault ${unknown}; there are: ${Object.keys(ALL_KINDS)}`);
    if (seconds >= 300 && !only) {
      const slow = Object.keys(SLOW_KINDS);
      this.#deck = this.random.shuffled([...this.kinds, ...this.kinds, ...slow, ...slow]);
    }
  }

  async run() {
    const end = performance.now() + this.seconds * 1000;
    while (performance.now() < end && this.failures.length < ENOUGH) {
      await pause(this.random.spread(50, 1_500));
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
    const begun = performance.now();
    try {
      const [first, second] = faults;
      const offset = second ? this.random.between(0, first.ms) : 0;
      await Promise.all([inject(first), second && pause(offset).then(() => inject(second))]);
      const lasted = Math.round(performance.now() - begun);
      round.took = await recovered(this.world, this.say);
      const { events, writes } = round.took;
      this.say(`${name}: lasted ${lasted} ms; events after ${events} ms, writes after ${writes} ms`);
    } catch (error) {
      this.failures.push(`${name}: ${error.message}`);
      this.say(`FAILED ${name}: ${error.message}`);
    }
  }

  /** The next kind of a shuffled deck, so that all kinds come about equally often; one that does not fit goes back. */
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
