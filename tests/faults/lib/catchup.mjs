// The plan's criterion: cut off while 10 000 events happen, then soon after the network's return live and complete.
import { fill } from "../../e2e/lib/fill.mjs";
import { eventually } from "../../e2e/lib/wait.mjs";
import { TRANSPORTS } from "./follower.mjs";

/** Missed events. It is the default backlog limit too: one more, and the client would be told to reload. */
export const MISSED = 10_000;

/** Each way of being cut off. Where packets vanish, both sides believe in the connection when the network returns. */
const OUTAGES = {
  refused: { begin: (link) => link.disconnect(), end: (link) => link.connect(), noticed: true },
  silent: {
    begin: (link) => link.set({ up: "hold", down: "hold" }),
    end: (link) => link.flow(),
    noticed: false,
  },
};

/**
 * `rounds` outages of each kind for a client of each transport. Returns `{record, userId, vaultId, times}` of each,
 * `times` in milliseconds from the network's return to the moment the client is live with everything.
 */
export async function catchUp(world, { rounds, say }) {
  const results = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    for (const outage of Object.keys(OUTAGES)) {
      const result = await outages(world, transport, outage, rounds);
      say(`${MISSED} events missed, ${transport}, ${outage}: live after ${result.times.join(", ")} ms`);
      results.push(result);
    }
  }
  return results;
}

async function outages(world, transport, outage, rounds) {
  const { begin, end, noticed } = OUTAGES[outage];
  const actor = world.owner.user;
  const { id: vaultId } = await world.ownerAtNode.createVault(`Catching up, ${transport}, ${outage}`);
  const link = await world.link();
  let arrived = () => {};
  const follower = world.follower({
    name: `one cut off, ${outage}`,
    transport,
    user: actor,
    cookie: world.ownerRest.cookie,
    link,
    onChange: (record) => arrived(record),
  });
  follower.follow(vaultId);
  const record = follower.records.get(vaultId);
  const status = () => record.watch.state.status;
  const times = [];
  for (let round = 0; round < rounds; round++) {
    await eventually(() => status() === "live", "live before the outage");
    begin(link);
    if (noticed) await eventually(() => status() === "reconnecting", "the outage is noticed");
    const head = await fill(world.database, { vaultId, actor, count: MISSED });
    const live = new Promise((resolve) => {
      arrived = () => {
        if (record.position >= head && status() === "live") resolve(performance.now());
      };
    });
    const back = performance.now();
    end(link);
    await Promise.race([live, eventually(() => record.position >= head, `${MISSED} events, ${transport}`, 60_000)]);
    times.push(Math.round((await live) - back));
  }
  follower.close();
  return { record, follower, userId: actor.id, vaultId, transport, outage, times };
}
