// What happens between clients and servers.
import { fill } from "../../../e2e/lib/fill.mjs";

/** Enough to fill the buffers of a connection that is not read: some megabytes in the kernel, 128 packets in the server. */
const FLOOD = { count: 3_000, fileUrl: "https://example.test/".padEnd(2_000, "flood/") };

/** A fault of some followers' links. */
function ofLinks({ from = 100, to = 4_000, begin, end = () => {} }) {
  return (world, random) => {
    const victims = random.some(world.followers);
    const drawn = victims.map(({ link }) => ({ link, random: random.next(), nodes: world.nodes }));
    return {
      detail: victims.length === world.followers.length ? "all" : victims.map(({ name }) => name.slice(9)).join(","),
      takes: victims.map(({ name }) => name),
      ms: random.spread(from, to),
      begin: () => drawn.forEach(begin),
      end: () => drawn.forEach(end),
    };
  };
}

const flow = ({ link }) => link.flow();
/** Half of the connections that were held go on, the others are lost. */
const flowOrCut = ({ link, random }) => {
  if (random < 0.5) link.cut();
  link.flow();
};

export const NETWORK_FAULTS = {
  "connections reset": ofLinks({ to: 200, begin: ({ link }) => link.cut() }),
  "connections closed": ofLinks({ to: 200, begin: ({ link }) => link.cut({ orderly: true }) }),
  "cut within a frame": ofLinks({
    from: 500,
    to: 2_000,
    begin: ({ link, random }) => link.cutAfter("down", 1 + Math.floor(random * 3_000)),
    end: ({ link }) => link.spare(),
  }),
  "network away": ofLinks({ begin: ({ link }) => link.disconnect(), end: ({ link }) => link.connect() }),
  "nothing passes": ofLinks({ to: 8_000, begin: ({ link }) => link.set({ up: "hold", down: "hold" }), end: flowOrCut }),
  "only up passes": ofLinks({ to: 8_000, begin: ({ link }) => link.set({ down: "hold" }), end: flowOrCut }),
  "only down passes": ofLinks({ to: 8_000, begin: ({ link }) => link.set({ up: "hold" }), end: flowOrCut }),
  /** Bytes are acknowledged to the server and never arrive, until the connection is reset. */
  "bytes swallowed": ofLinks({ begin: ({ link }) => link.set({ down: "swallow" }), end: flow }),
  "requests swallowed": ofLinks({ begin: ({ link }) => link.set({ up: "swallow" }), end: flow }),
  "moved to the other server": ofLinks({
    to: 200,
    begin: ({ link, nodes }) => link.move(nodes.find((node) => node !== link.node)),
  }),

  /** Long polling passes, websockets break off while they begin: a client that upgrades must go on by polling. */
  "websockets cut off": ofLinks({
    from: 500,
    begin: ({ link, random }) => {
      link.cutWebsocketsAfter(Math.floor(random * 250));
      link.cut();
    },
    end: flow,
  }),

  /** One does not read while thousands of events happen: its buffers fill up, and the server must close it (I5). */
  "stalled reader": (world, random) => {
    const victims = random.some(world.followers).slice(0, 3);
    const vaultId = random.pick([...victims[0].records.keys()]);
    return {
      detail: `${victims.map(({ name }) => name.slice(9)).join(",")} while ${FLOOD.count} events happen`,
      // The flood has no key to repeat it by, so its own connection must not be in danger.
      takes: [...victims.map(({ name }) => name), "postgres"],
      ms: random.spread(500, 4_000),
      begin: async () => {
        for (const { link } of victims) link.set({ down: "hold" });
        world.ledger.fill(vaultId, FLOOD.count);
        await fill(world.database, { vaultId, actor: world.owner.user, ...FLOOD });
      },
      end: () => victims.forEach(({ link }) => link.flow()),
    };
  },

  "client restarted": (world, random) => {
    const victims = random.some(world.followers);
    return {
      detail: victims.map(({ name }) => name.slice(9)).join(","),
      takes: victims.map(({ name }) => name),
      ms: random.spread(1, 50),
      begin: () => victims.forEach((follower) => follower.restart()),
      end: () => {},
    };
  },
};

/** Silence for longer than the heartbeat needs to notice (45 s): both sides must give the connection up by themselves. */
export const SLOW_NETWORK_FAULTS = {
  "silence of a minute": ofLinks({
    from: 55_000,
    to: 65_000,
    begin: ({ link, random }) => link.set({ up: "hold", down: random < 0.5 ? "hold" : "flow" }),
    end: flow,
  }),
};
