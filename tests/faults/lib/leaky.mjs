// A broken subscriber, to show in every run that the checker finds what a broken one does: it loses every hundredth
// event and hands over every hundredth twice.
import { Record } from "./follower.mjs";

const EVERY = 100;

export class Leaky extends Record {
  lost = 0;
  doubled = 0;
  #count = 0;

  constructor(vaultId) {
    super("the leaky subscriber", vaultId, 0);
  }

  event(event) {
    const turn = ++this.#count % EVERY;
    if (turn === 33) this.lost++;
    else super.event(event);
    if (turn !== 66) return;
    this.doubled++;
    super.event(event);
  }
}
