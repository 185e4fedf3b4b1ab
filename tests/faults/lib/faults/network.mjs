// Faults of the network between clients and servers.
import { appendEvents } from "../../../e2e/lib/append.mjs";

/** Enough to fill the buffers of a stalled connection: some megabytes in the kernel, 128 packets in the server. */
const FLOOD = { count: 3_000, fileUrl: "https://example.test/".padEnd(2_000, "flood/") };

/** A fault in the proxies of some subscribers. */
function proxyFault({ from = 100, to = 4_000, begin, end = () => {} }) {
  return (world, random) => {
    const victims = random.sample(world.subscribers);
    const drawn = victims.map(({ proxy }) => ({ proxy, random: random.next(), nodes: world.nodes }));
    return {
      detail:
        victims.length === world.subscribers.length
          ? "all"
          : victims.map(({ name }) => name.slice("subscriber ".length)).join(","),
      takes: victims.map(({ name }) => name),
      ms: random.logUniform(from, to),
      begin: () => drawn.forEach(begin),
      end: () => drawn.forEach(end),
    };
  };
}

const restore = ({ proxy }) => proxy.restore();
/** Half of the held connections continue, the others are cut. */
const restoreOrCut = ({ proxy, random }) => {
  if (random < 0.5) proxy.cut();
  proxy.restore();
};

export const NETWORK_FAULTS = {
  "connections reset": proxyFault({ to: 200, begin: ({ proxy }) => proxy.cut() }),
  "connections closed": proxyFault({ to: 200, begin: ({ proxy }) => proxy.cut({ orderly: true }) }),
  "cut within a frame": proxyFault({
    from: 500,
    to: 2_000,
    begin: ({ proxy, random }) => proxy.cutAfter("down", 1 + Math.floor(random * 3_000)),
    end: ({ proxy }) => proxy.cancelCut(),
  }),
  "network away": proxyFault({ begin: ({ proxy }) => proxy.disconnect(), end: ({ proxy }) => proxy.connect() }),
  "nothing passes": proxyFault({
    to: 8_000,
    begin: ({ proxy }) => proxy.setModes({ up: "hold", down: "hold" }),
    end: restoreOrCut,
  }),
  "only up passes": proxyFault({
    to: 8_000,
    begin: ({ proxy }) => proxy.setModes({ down: "hold" }),
    end: restoreOrCut,
  }),
  "only down passes": proxyFault({
    to: 8_000,
    begin: ({ proxy }) => proxy.setModes({ up: "hold" }),
    end: restoreOrCut,
  }),
  /** The proxy acknowledges the server's bytes and discards them, until it resets the connection. */
  "bytes swallowed": proxyFault({ begin: ({ proxy }) => proxy.setModes({ down: "swallow" }), end: restore }),
  "requests swallowed": proxyFault({ begin: ({ proxy }) => proxy.setModes({ up: "swallow" }), end: restore }),
  "moved to the other server": proxyFault({
    to: 200,
    begin: ({ proxy, nodes }) => proxy.moveTo(nodes.find((node) => node !== proxy.node)),
  }),

  /** Long polling works, but websockets are cut while they start: a client that upgrades must stay on polling. */
  "websockets cut off": proxyFault({
    from: 500,
    begin: ({ proxy, random }) => {
      proxy.cutWebsocketsAfter(Math.floor(random * 250));
      proxy.cut();
    },
    end: restore,
  }),

  /** Some subscribers stop reading during thousands of events: their buffers fill up, and the server must close them (I5). */
  "stalled reader": (world, random) => {
    const victims = random.sample(world.subscribers).slice(0, 3);
    const vaultId = random.pick([...victims[0].records.keys()]);
    return {
      detail: `${victims.map(({ name }) => name.slice("subscriber ".length)).join(",")} while ${FLOOD.count} events happen`,
      // The flood cannot be retried, so its own connection to PostgreSQL must stay up.
      takes: [...victims.map(({ name }) => name), "postgres"],
      ms: random.logUniform(500, 4_000),
      begin: async () => {
        for (const { proxy } of victims) proxy.setModes({ down: "hold" });
        world.history.countSqlEvents(vaultId, FLOOD.count);
        await appendEvents(world.database, { vaultId, actor: world.owner.user, ...FLOOD });
      },
      end: () => victims.forEach(({ proxy }) => proxy.restore()),
    };
  },

  "client restarted": (world, random) => {
    const victims = random.sample(world.subscribers);
    return {
      detail: victims.map(({ name }) => name.slice("subscriber ".length)).join(","),
      takes: victims.map(({ name }) => name),
      ms: random.logUniform(1, 50),
      begin: () => victims.forEach((subscriber) => subscriber.restart()),
      end: () => {},
    };
  },
};

/** Silence longer than the heartbeat timeout (45 s): both sides must give up the connection. */
export const SLOW_NETWORK_FAULTS = {
  "silence of a minute": proxyFault({
    from: 55_000,
    to: 65_000,
    begin: ({ proxy, random }) => proxy.setModes({ up: "hold", down: random < 0.5 ? "hold" : "flow" }),
    end: restore,
  }),
};
