// What happens to servers.
import { answering } from "../recovery.mjs";

const node = (world, random) => random.pick(world.nodes);

/** Each kind draws one fault: which resources it takes, how long it lasts, how it begins and ends. */
export const SERVER_FAULTS = {
  /** SIGKILL, and a new process some time later. */
  "server killed": (world, random) => {
    const victim = node(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.spread(10, 3_000),
      begin: () => victim.kill(),
      end: () => victim.start(),
    };
  },

  "server terminated": (world, random) => {
    const victim = node(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.spread(10, 2_000),
      begin: () => victim.terminate(),
      end: () => victim.start(),
    };
  },

  /** SIGSTOP and SIGCONT: connections stay open, and nobody is there. */
  "server frozen": (world, random) => {
    const victim = node(world, random);
    return {
      detail: victim.name,
      takes: [victim.name],
      ms: random.spread(200, 6_000),
      begin: () => victim.freeze(),
      end: () => victim.thaw(),
    };
  },

  /** A server that hears no notification: its subscribers live by the sweep alone (I8). Sometimes both. */
  "notifications suppressed": (world, random) => {
    const deaf = random.some(world.nodes);
    const restart = (env) => Promise.all(deaf.map((victim) => victim.terminate().then(() => victim.start(env))));
    return {
      detail: deaf.map(({ name }) => name).join(" and "),
      takes: deaf.map(({ name }) => name),
      ms: random.between(1_500, 4_000),
      begin: () => restart({ SYNCSCRIPT_LISTEN: "false" }),
      end: () => restart({}),
    };
  },
};

export const SLOW_SERVER_FAULTS = {
  /** Frozen for longer than it may hold a vault's lock (5 s): the other server must go on for everyone. */
  "server frozen for long": (world, random) => {
    const victim = node(world, random);
    return {
      detail: victim.name,
      takes: [victim.name, "postgres"],
      ms: 6_000,
      begin: () => victim.freeze(),
      end: () => answering(world).finally(() => victim.thaw()),
    };
  },
};
