// A broken subscriber: it loses one event in a hundred and delivers another one twice. Every run shows that the checks
// find both.
import { DeliveryRecord } from "./subscriber.mjs";

const PERIOD = 100;

export class LossyRecord extends DeliveryRecord {
  lost = 0;
  doubled = 0;
  #count = 0;

  constructor(vaultId) {
    super("the lossy subscriber", vaultId, 0);
  }

  event(event) {
    const index = ++this.#count % PERIOD;
    if (index === 33) this.lost++;
    else super.event(event);
    if (index !== 66) return;
    this.doubled++;
    super.event(event);
  }
}
