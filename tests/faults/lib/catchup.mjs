// A client misses 10 000 events. The promise: it is live and complete soon after the network returns.
import { appendEvents } from "../../e2e/lib/append.mjs";
import { eventually } from "../../e2e/lib/wait.mjs";
import { TRANSPORTS } from "./subscriber.mjs";

/** Number of missed events. Also the default backlog limit: with one more, the client would get `vault:resync`. */
export const MISSED = 10_000;

/** The kinds of outage. In a silent one both sides still consider the connection open when the network returns. */
const OUTAGES = {
  refused: { begin: (proxy) => proxy.disconnect(), end: (proxy) => proxy.connect(), noticed: true },
  silent: {
    begin: (proxy) => proxy.setModes({ up: "hold", down: "hold" }),
    end: (proxy) => proxy.restore(),
    noticed: false,
  },
};

/**
 * Runs `rounds` outages of each kind for a client of each transport. Returns `{record, userId, vaultId, times}` for
 * each; `times` are in milliseconds, from the network's return until the client is live and has every event.
 */
export async function catchUp(world, { rounds, print }) {
  const results = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    for (const outage of Object.keys(OUTAGES)) {
      const result = await outages(world, transport, outage, rounds);
      print(`${MISSED} events missed, ${transport}, ${outage}: live after ${result.times.join(", ")} ms`);
      results.push(result);
    }
  }
  return results;
}

async function outages(world, transport, outage, rounds) {
  const { begin, end, noticed } = OUTAGES[outage];
  const actor = world.owner.user;
  const { id: vaultId } = await world.ownerAtNode.createVault(`Catching up, ${transport}, ${outage}`);
  const proxy = await world.openProxy();
  let onRecordChange = () => {};
  const subscriber = world.subscriber({
    name: `disconnected client, ${outage}`,
    transport,
    user: actor,
    cookie: world.ownerRest.cookie,
    proxy,
    onChange: (record) => onRecordChange(record),
  });
  subscriber.follow(vaultId);
  const record = subscriber.records.get(vaultId);
  const status = () => record.watch.state.status;
  const times = [];
  for (let round = 0; round < rounds; round++) {
    await eventually(() => status() === "live", "the client is live before the outage");
    begin(proxy);
    if (noticed) await eventually(() => status() === "reconnecting", "the client notices the outage");
    const head = await appendEvents(world.database, { vaultId, actor, count: MISSED });
    const live = new Promise((resolve) => {
      onRecordChange = () => {
        if (record.position >= head && status() === "live") resolve(performance.now());
      };
    });
    const back = performance.now();
    end(proxy);
    await Promise.race([live, eventually(() => record.position >= head, `${MISSED} events, ${transport}`, 60_000)]);
    times.push(Math.round((await live) - back));
  }
  subscriber.close();
  return { record, subscriber, userId: actor.id, vaultId, transport, outage, times };
}
