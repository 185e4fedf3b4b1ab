// Waiting for everything to be well again after faults have ended.
import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "../../e2e/lib/wait.mjs";

/** How long that may take, in milliseconds. */
export const DEADLINE_MS = 30_000;

/** The heads of all vaults. */
export async function heads(world) {
  const rows = await eventually(
    () => world.database.rows("SELECT id, head_seq::int AS head FROM vaults"),
    "an answer of the database",
    DEADLINE_MS,
  );
  return new Map(rows.map(({ id, head }) => [id, head]));
}

/**
 * Waits until every member has heard everything that was in the log just now, is live again, and every writer has been
 * answered since. Returns how many milliseconds each took, from now; at the deadline throws the state of affairs.
 * `tell` hears of what is late.
 */
export async function recovered(world, tell = () => {}) {
  let toTell = DEADLINE_MS / 4;
  const since = performance.now();
  const goal = await heads(world);
  const took = { events: undefined, writes: undefined };
  for (;;) {
    const now = Math.round(performance.now() - since);
    if (took.events === undefined && world.seats.every((seat) => hasAll(seat, goal))) took.events = now;
    if (took.writes === undefined && world.writers.every(({ answeredAt }) => answeredAt > since)) took.writes = now;
    if (took.events !== undefined && took.writes !== undefined) return took;
    if (now > toTell) {
      toTell = Infinity;
      tell(`not recovered after ${now} ms:\n${story(world, goal, since)}`);
    }
    if (now > DEADLINE_MS) throw new Error(`not recovered within ${DEADLINE_MS} ms\n${story(world, goal, since)}`);
    await pause(5);
  }
}

/** Waits until every member is live at the very end of the log; for when nobody writes any more. */
export async function settled(world) {
  const goal = await heads(world);
  try {
    await eventually(() => world.seats.every((seat) => hasAll(seat, goal)), "the end of the log", DEADLINE_MS);
  } catch {
    throw new Error(`not settled within ${DEADLINE_MS} ms\n${story(world, goal)}`);
  }
}

/** Waits until every writer has been answered since now. */
export async function answering({ writers }) {
  const since = performance.now();
  await eventually(() => writers.every(({ answeredAt }) => answeredAt > since), "answers to all writers", DEADLINE_MS);
}

/** One whose membership is in question at this moment need not have anything. */
function hasAll({ follower, vaultId, isMember }, goal) {
  const record = follower.records.get(vaultId);
  return !isMember || (record.position >= goal.get(vaultId) && record.watch?.state.status === "live");
}

function story(world, goal, since = performance.now()) {
  const seats = world.seats
    .filter((seat) => !hasAll(seat, goal))
    .map(({ follower, vaultId }) => {
      const { watch, position } = follower.records.get(vaultId);
      const at = `${position} of ${goal.get(vaultId)}`;
      return `  ${follower.name} (${follower.transport}; ${follower.story}) has ${at} of ${vaultId}: ${JSON.stringify(watch?.state)} ${JSON.stringify(watch?.counters)}`;
    });
  const writers = [...world.writers, world.owner]
    .filter(({ waiting, answeredAt }) => waiting && answeredAt < since)
    .map(({ name = "owner", waiting }) => {
      const { method, path, key, attempts, firstAt } = waiting;
      return `  ${name} waits for ${method} ${path} ${key}: ${attempts} attempts in ${Date.now() - firstAt} ms`;
    });
  return [...seats, ...writers].join("\n");
}
