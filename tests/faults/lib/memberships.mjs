// The owner of all vaults, who removes members, adds them again and changes their roles throughout the run.
import { setTimeout as pause } from "node:timers/promises";
import { RetryingClient } from "./retrying-client.mjs";

export class Owner extends RetryingClient {
  #count = 0;
  /** How often each change was made. */
  done = { removed: 0, "added again": 0, "role changed": 0, "joined while removed": 0 };

  /** `memberships` are the memberships that the owner changes. */
  constructor({ memberships, ...options }) {
    super(options);
    this.memberships = memberships;
  }

  async run(isStopped) {
    while (!isStopped()) {
      await pause(this.random.uniform(100, 900));
      const membership = this.random.pick(this.memberships);
      if (this.random.chance(0.35)) await this.#changeRole(membership);
      else await this.#removeAndReadd(membership, isStopped);
    }
  }

  /** Removes a member. */
  async remove(membership) {
    membership.isMember = false;
    await this.#member("member:removed", membership, "DELETE", `/${membership.userId}`);
    this.done.removed++;
  }

  async #removeAndReadd(membership, isStopped) {
    await this.remove(membership);
    if (this.random.chance(0.4)) {
      // A removed member that tries to join again must be rejected.
      membership.subscriber.follow(membership.vaultId);
      this.done["joined while removed"]++;
    }
    if (!isStopped()) await pause(this.random.logUniform(20, 2_500));
    membership.role = this.random.pick(["viewer", "contributor"]);
    await this.#member("member:added", membership, "POST", "", { email: membership.email, role: membership.role });
    this.done["added again"]++;
    membership.isMember = true;
    membership.subscriber.follow(membership.vaultId);
  }

  async #changeRole(membership) {
    membership.role = membership.role === "viewer" ? "contributor" : "viewer";
    await this.#member("member:updated", membership, "PATCH", `/${membership.userId}`, { role: membership.role });
    this.done["role changed"]++;
  }

  #member(kind, { vaultId, userId, role }, method, rest, body) {
    const key = `owner-${++this.#count}`;
    const path = `/api/vaults/${vaultId}/members${rest}`;
    return this.perform({ kind, vaultId, key, method, path, body, userId, role });
  }
}

/** One subscriber's membership of a vault. `isMember` is true from the response to the addition until the removal is sent. */
export class Membership {
  isMember = true;

  constructor({ subscriber, vaultId, user, role }) {
    Object.assign(this, { subscriber, vaultId, userId: user.id, email: user.email, role });
  }
}
