// More missed than a join may bring: the client is told so, loads the vault anew, and goes on from there (I4).
import { fill } from "../../e2e/lib/fill.mjs";
import { eventually } from "../../e2e/lib/wait.mjs";
import { TRANSPORTS } from "./follower.mjs";

const LIMIT = 50;

/** A server with a small backlog limit; each transport is cut off while more happens, and while less does. */
export async function resync(world) {
  const node = await world.startNode("with a small backlog", { SYNCSCRIPT_BACKLOG_LIMIT: String(LIMIT) });
  const actor = world.owner.user;
  const results = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    const { id: vaultId } = await world.ownerAtNode.createVault(`Too much missed, ${transport}`);
    const link = await world.link(node);
    const name = "one that missed too much";
    const cookie = world.ownerRest.cookie;
    const follower = world.follower({ name, transport, user: actor, cookie, link });
    follower.follow(vaultId);
    const record = follower.records.get(vaultId);
    const status = () => record.watch.state.status;
    for (const count of [LIMIT * 3, LIMIT, LIMIT + 1]) {
      await eventually(() => status() === "live", "live before the outage");
      link.disconnect();
      await eventually(() => status() === "reconnecting", "the outage is noticed");
      const head = await fill(world.database, { vaultId, actor, count });
      link.connect();
      await eventually(() => record.position === head && status() === "live", `live at ${head}, ${transport}`);
    }
    // Live events go on after the last reload.
    const { seq } = await world.ownerAtNode.createSource(vaultId, "After all that");
    await eventually(() => record.position === seq, "an event after the reload");
    follower.close();
    results.push({ record, follower, userId: actor.id, vaultId, resyncs: 2 });
  }
  await node.terminate();
  return results;
}
