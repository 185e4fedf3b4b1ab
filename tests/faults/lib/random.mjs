// A seeded pseudorandom generator. Each part of the suite draws from its own stream, so that the fault plan does not
// depend on the speed of the writers.
export class Random {
  #state;

  constructor(seed, stream = "") {
    this.#state = seed >>> 0;
    for (const char of stream) this.#state = Math.imul(this.#state ^ char.codePointAt(0), 0x01000193) >>> 0;
  }

  /** A number from 0 to 1, without 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  uniform(low, high) {
    return low + this.next() * (high - low);
  }

  /** A log-uniform number between the two: each order of magnitude is equally likely. */
  logUniform(low, high) {
    return low * (high / low) ** this.next();
  }

  /** An integer from `low` to `high`, both included. */
  int(low, high) {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[Math.floor(this.next() * list.length)];
  }

  shuffled(list) {
    const left = [...list];
    return list.map(() => left.splice(Math.floor(this.next() * left.length), 1)[0]);
  }

  /** A random subset of the list with one, a few or all elements. */
  sample(list) {
    const count = this.pick([1, 1, this.int(1, list.length), list.length]);
    return this.shuffled(list).slice(0, count);
  }
}
