// Faults of the servers.
import { waitForWrites } from "../recovery.mjs";

const pickNode = (world, random) => random.pick(world.nodes);

/** Each kind draws one fault: the resources it takes, its duration, its begin and its end. */
export const SERVER_FAULTS = {
  /** SIGKILL, and a new process after a pause. */
  "server killed": (world, random) => {
    const victim = pickNode(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.logUniform(10, 3_000),
      begin: () => victim.kill(),
      end: () => victim.start(),
    };
  },

  "server terminated": (world, random) => {
    const victim = pickNode(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.logUniform(10, 2_000),
      begin: () => victim.terminate(),
      end: () => victim.start(),
    };
  },

  /** SIGSTOP and SIGCONT: connections stay open, but the server does not respond. */
  "server frozen": (world, random) => {
    const victim = pickNode(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.logUniform(200, 6_000),
      begin: () => victim.freeze(),
      end: () => victim.thaw(),
    };
  },

  /** One or both servers receive no notifications: their subscribers depend on the sweep alone (I8). */
  "notifications suppressed": (world, random) => {
    const victims = random.sample(world.nodes);
    const restart = (env) => Promise.all(victims.map((victim) => victim.terminate().then(() => victim.start(env))));
    return {
      detail: victims.map(({ name }) => name).join(" and "),
      takes: victims.map(({ name }) => name),
      ms: random.uniform(1_500, 4_000),
      begin: () => restart({ SYNCSCRIPT_LISTEN: "false" }),
      end: () => restart({}),
    };
  },
};

export const SLOW_SERVER_FAULTS = {
  /** Frozen for longer than a transaction may hold a vault's lock (5 s): the other server must continue to write. */
  "server frozen for long": (world, random) => {
    const victim = pickNode(world, random);
    return {
      detail: victim.name,
      takes: [victim.name, "postgres"],
      ms: 6_000,
      begin: () => victim.freeze(),
      end: () => waitForWrites(world).finally(() => victim.thaw()),
    };
  },
};
