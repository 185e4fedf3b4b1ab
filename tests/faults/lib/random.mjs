// Numbers that look random and are the same for the same seed. Each part of the suite draws from a stream of its own,
// so that the plan of faults does not depend on how fast the writers happen to be.
export class Random {
  #state;

  constructor(seed, stream = "") {
    this.#state = seed >>> 0;
    for (const char of stream) this.#state = Math.imul(this.#state ^ char.codePointAt(0), 0x01000193) >>> 0;
  }

  /** From 0 up to, not including, 1. */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  between(low, high) {
    return low + this.next() * (high - low);
  }

  /** Between the two, short ones as often as long ones. */
  spread(low, high) {
    return low * (high / low) ** this.next();
  }

  /** A whole number from `low` to `high`, both possible. */
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

  /** Some of the list, at least one: one alone, a few, or all. */
  some(list) {
    const count = this.pick([1, 1, this.int(1, list.length), list.length]);
    return this.shuffled(list).slice(0, count);
  }
}
