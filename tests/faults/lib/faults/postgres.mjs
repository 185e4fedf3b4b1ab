// Faults of PostgreSQL and of the connections to it.
import { isDatabaseUnavailable } from "../../../e2e/lib/database.mjs";
import { WAIT_TIMEOUT_MS } from "../../../e2e/lib/settings.mjs";
import { eventually } from "../../../e2e/lib/wait.mjs";

/** Matches the servers' connections, without the suite's own. */
const SERVERS = "application_name = 'syncscript'";

async function terminate(world, condition) {
  const rows = await eventually(
    () =>
      world.database.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${SERVERS} AND ${condition}`),
    "a response from the database",
    WAIT_TIMEOUT_MS,
    isDatabaseUnavailable,
  );
  return rows.length;
}

/** Terminates connections several times in a row: all are healthy the first time, later some are being restored. */
function terminations(condition) {
  return (world, random) => {
    const times = random.int(1, 3);
    return {
      detail: times > 1 ? `${times} times` : "",
      takes: ["postgres"],
      ms: random.logUniform(20, 800),
      begin: () => terminate(world, condition),
      end: async () => {
        for (let i = 1; i < times; i++) await terminate(world, condition);
      },
    };
  };
}

function restart(stop) {
  return (world, random) => ({
    detail: "",
    takes: ["postgres"],
    ms: random.pick([0, random.logUniform(50, 2_500)]),
    begin: () => stop(world.cluster),
    end: () => world.cluster.start(),
  });
}

/** A fault between one server and PostgreSQL; the other server connects directly. */
function databaseProxyFault(begin) {
  return (world, random) => ({
    detail: world.nodes[1].name,
    takes: ["proxy to Postgres"],
    ms: random.logUniform(100, 6_000),
    begin: () => begin(world.databaseProxy),
    end: () => {
      world.databaseProxy.connect();
      world.databaseProxy.restore();
    },
  });
}

export const POSTGRES_FAULTS = {
  "LISTEN connection ended": terminations("query ILIKE 'LISTEN%'"),
  "all connections ended": terminations("true"),
  "Postgres fast restart": restart((cluster) => cluster.stop("fast")),
  "Postgres immediate restart": restart((cluster) => cluster.stop("immediate")),
  "Postgres killed": restart((cluster) => cluster.kill()),
  "Postgres away from one server": databaseProxyFault((proxy) => proxy.disconnect()),
  "nothing passes to Postgres": databaseProxyFault((proxy) => proxy.setModes({ up: "hold", down: "hold" })),
  /** Existing connections carry no more data and are never reset, as after a failover or behind a firewall. */
  "silence from Postgres": (world, random) => ({
    ...databaseProxyFault((proxy) => proxy.blackhole())(world, random),
    ms: 0,
    end: () => {},
  }),

  /** SIGKILL to one backend: PostgreSQL terminates all others and recovers. */
  "Postgres process killed": (world, random) => {
    const victimDraw = random.next();
    return {
      detail: "",
      takes: ["postgres"],
      ms: random.logUniform(20, 300),
      begin: async () => {
        const rows = await eventually(
          () => world.database.rows(`SELECT pid FROM pg_stat_activity WHERE ${SERVERS} ORDER BY pid`),
          "a response from the database",
          WAIT_TIMEOUT_MS,
          isDatabaseUnavailable,
        );
        const victim = rows[Math.floor(victimDraw * rows.length)];
        if (victim) world.cluster.killBackend(victim.pid);
      },
      end: () =>
        eventually(() => world.database.rows("SELECT 1"), "the recovery of PostgreSQL", 60_000, isDatabaseUnavailable),
    };
  },
};
