// The owner of all vaults, who removes members, takes them in again and changes their roles all the while.
import { setTimeout as pause } from "node:timers/promises";
import { Caller } from "./api.mjs";

export class Owner extends Caller {
  #count = 0;
  /** How often each was done. */
  done = { removed: 0, "taken in again": 0, "role changed": 0, "tried while out": 0 };

  /** `seats` are the memberships it plays with: see `Seat`. */
  constructor({ seats, ...caller }) {
    super(caller);
    this.seats = seats;
  }

  async run(over) {
    while (!over()) {
      await pause(this.random.between(100, 900));
      const seat = this.random.pick(this.seats);
      if (this.random.chance(0.35)) await this.#changeRole(seat);
      else await this.#goAndCome(seat, over);
    }
  }

  /** Removes members for good; for the end of a run. */
  async remove(seat) {
    seat.isMember = false;
    await this.#member("member:removed", seat, "DELETE", `/${seat.userId}`);
    this.done.removed++;
  }

  async #goAndCome(seat, over) {
    await this.remove(seat);
    if (this.random.chance(0.4)) {
      // One who does not take no for an answer.
      seat.follower.follow(seat.vaultId);
      this.done["tried while out"]++;
    }
    if (!over()) await pause(this.random.spread(20, 2_500));
    seat.role = this.random.pick(["viewer", "contributor"]);
    await this.#member("member:added", seat, "POST", "", { email: seat.email, role: seat.role });
    this.done["taken in again"]++;
    seat.isMember = true;
    seat.follower.follow(seat.vaultId);
  }

  async #changeRole(seat) {
    seat.role = seat.role === "viewer" ? "contributor" : "viewer";
    await this.#member("member:updated", seat, "PATCH", `/${seat.userId}`, { role: seat.role });
    this.done["role changed"]++;
  }

  #member(kind, { vaultId, userId, role }, method, rest, body) {
    const key = `owner-${++this.#count}`;
    const path = `/api/vaults/${vaultId}/members${rest}`;
    return this.perform({ kind, vaultId, key, method, path, body, userId, role });
  }
}

/** One follower's membership of a vault. `isMember` is true from the answer to its start until its end is asked for. */
export class Seat {
  isMember = true;

  constructor({ follower, vaultId, user, role }) {
    Object.assign(this, { follower, vaultId, userId: user.id, email: user.email, role });
  }
}
