// A client misses more events than the backlog limit: it gets `vault:resync`, reloads the vault and continues (I4).
import { appendEvents } from "../../e2e/lib/append.mjs";
import { eventually } from "../../e2e/lib/wait.mjs";
import { TRANSPORTS } from "./subscriber.mjs";

const LIMIT = 50;

/** On a server with a small backlog limit, each transport misses more and fewer events than the limit. */
export async function resync(world) {
  const node = await world.startNode("with a small backlog", { SYNCSCRIPT_BACKLOG_LIMIT: String(LIMIT) });
  const actor = world.owner.user;
  const results = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    const { id: vaultId } = await world.ownerAtNode.createVault(`Too much missed, ${transport}`);
    const proxy = await world.openProxy(node);
    const name = "client past the backlog limit";
    const cookie = world.ownerRest.cookie;
    const subscriber = world.subscriber({ name, transport, user: actor, cookie, proxy });
    subscriber.follow(vaultId);
    const record = subscriber.records.get(vaultId);
    const status = () => record.watch.state.status;
    for (const count of [LIMIT * 3, LIMIT, LIMIT + 1]) {
      await eventually(() => status() === "live", "the client is live before the outage");
      proxy.disconnect();
      await eventually(() => status() === "reconnecting", "the client notices the outage");
      const head = await appendEvents(world.database, { vaultId, actor, count });
      proxy.connect();
      await eventually(() => record.position === head && status() === "live", `live at ${head}, ${transport}`);
    }
    // Live events continue after the last reload.
    const { seq } = await world.ownerAtNode.createSource(vaultId, "After all that");
    await eventually(() => record.position === seq, "an event after the reload");
    subscriber.close();
    results.push({ record, subscriber, userId: actor.id, vaultId, resyncs: 2 });
  }
  await node.terminate();
  return results;
}
