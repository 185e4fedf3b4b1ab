// What happens to PostgreSQL, and to the connections to it.
import { eventually } from "../../../e2e/lib/wait.mjs";

/** The servers' connections, without those of the suite itself. */
const SERVERS = "application_name = 'syncscript'";

async function terminate(world, condition) {
  const rows = await eventually(
    () =>
      world.database.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${SERVERS} AND ${condition}`),
    "an answer of the database",
  );
  return rows.length;
}

/** Ends connections several times in a row: the first time finds them all well, later ones find them half restored. */
function terminations(condition) {
  return (world, random) => {
    const times = random.int(1, 3);
    return {
      detail: times > 1 ? `${times} times` : "",
      takes: ["postgres"],
      ms: random.spread(20, 800),
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
    ms: random.pick([0, random.spread(50, 2_500)]),
    begin: () => stop(world.cluster),
    end: () => world.cluster.start(),
  });
}

/** What happens between one server and PostgreSQL; the other server reaches it directly. */
function ofDatabaseLink(begin) {
  return (world, random) => ({
    detail: world.nodes[1].name,
    takes: ["link to Postgres"],
    ms: random.spread(100, 6_000),
    begin: () => begin(world.databaseLink),
    end: () => {
      world.databaseLink.connect();
      world.databaseLink.flow();
    },
  });
}

export const POSTGRES_FAULTS = {
  "LISTEN connection ended": terminations("query ILIKE 'LISTEN%'"),
  "all connections ended": terminations("true"),
  "Postgres fast restart": restart((cluster) => cluster.stop("fast")),
  "Postgres immediate restart": restart((cluster) => cluster.stop("immediate")),
  "Postgres killed": restart((cluster) => cluster.kill()),
  "Postgres away from one server": ofDatabaseLink((link) => link.disconnect()),
  "nothing passes to Postgres": ofDatabaseLink((link) => link.set({ up: "hold", down: "hold" })),
  /** The connections of now carry nothing any more, and are never reset: as after a failover, or in a firewall. */
  "silence from Postgres": (world, random) => ({
    ...ofDatabaseLink((link) => link.silence())(world, random),
    ms: 0,
    end: () => {},
  }),

  /** SIGKILL to one process of PostgreSQL: it ends all others and recovers by itself. */
  "Postgres process killed": (world, random) => {
    const among = random.next();
    return {
      detail: "",
      takes: ["postgres"],
      ms: random.spread(20, 300),
      begin: async () => {
        const rows = await eventually(
          () => world.database.rows(`SELECT pid FROM pg_stat_activity WHERE ${SERVERS} ORDER BY pid`),
          "an answer of the database",
        );
        const victim = rows[Math.floor(among * rows.length)];
        if (victim) world.cluster.killBackend(victim.pid);
      },
      end: () => eventually(() => world.database.rows("SELECT 1"), "the recovery of PostgreSQL", 60_000),
    };
  },
};
