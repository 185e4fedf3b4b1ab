// Waiting until the system has recovered after faults.
import { setTimeout as pause } from "node:timers/promises";
import { isDatabaseUnavailable } from "../../e2e/lib/database.mjs";
import { eventually } from "../../e2e/lib/wait.mjs";

/** How long recovery may take, in milliseconds. */
export const DEADLINE_MS = 30_000;

/** The head of each vault. */
export async function readHeads(world) {
  const rows = await eventually(
    () => world.database.rows("SELECT id, head_seq::int AS head FROM vaults"),
    "a response from the database",
    DEADLINE_MS,
    isDatabaseUnavailable,
  );
  return new Map(rows.map(({ id, head }) => [id, head]));
}

/**
 * Waits until every member is live and has every event that is in the log at the time of the call, and every writer has
 * got a response since. Returns how long each took, in milliseconds. Throws a description of the state at the deadline;
 * `warn` gets one earlier if recovery is slow.
 */
export async function waitForRecovery(world, warn = () => {}) {
  let warnAfter = DEADLINE_MS / 4;
  const since = performance.now();
  const goal = await readHeads(world);
  const took = { events: undefined, writes: undefined };
  for (;;) {
    const now = Math.round(performance.now() - since);
    if (took.events === undefined && world.memberships.every((membership) => isCaughtUp(membership, goal)))
      took.events = now;
    if (took.writes === undefined && world.writers.every(({ answeredAt }) => answeredAt > since)) took.writes = now;
    if (took.events !== undefined && took.writes !== undefined) return took;
    if (now > warnAfter) {
      warnAfter = Infinity;
      warn(`not recovered after ${now} ms:\n${describeLaggards(world, goal, since)}`);
    }
    if (now > DEADLINE_MS)
      throw new Error(`not recovered within ${DEADLINE_MS} ms\n${describeLaggards(world, goal, since)}`);
    await pause(5);
  }
}

/** Waits until every member is live at the end of the log. Call it when nobody writes any more. */
export async function waitUntilCaughtUp(world) {
  const goal = await readHeads(world);
  try {
    await eventually(
      () => world.memberships.every((membership) => isCaughtUp(membership, goal)),
      "the end of the log",
      DEADLINE_MS,
    );
  } catch {
    throw new Error(`not caught up within ${DEADLINE_MS} ms\n${describeLaggards(world, goal)}`);
  }
}

/** Waits until every writer has got a new response. */
export async function waitForWrites({ writers }) {
  const since = performance.now();
  await eventually(
    () => writers.every(({ answeredAt }) => answeredAt > since),
    "responses to all writers",
    DEADLINE_MS,
  );
}

/** A subscriber whose membership is being changed need not have any event. */
function isCaughtUp({ subscriber, vaultId, isMember }, goal) {
  const record = subscriber.records.get(vaultId);
  return !isMember || (record.position >= goal.get(vaultId) && record.watch?.state.status === "live");
}

function describeLaggards(world, goal, since = performance.now()) {
  const memberships = world.memberships
    .filter((membership) => !isCaughtUp(membership, goal))
    .map(({ subscriber, vaultId }) => {
      const { watch, position } = subscriber.records.get(vaultId);
      const at = `${position} of ${goal.get(vaultId)}`;
      return `  ${subscriber.name} (${subscriber.transport}; ${subscriber.connectionState}) has ${at} of ${vaultId}: ${JSON.stringify(watch?.state)} ${JSON.stringify(watch?.counters)}`;
    });
  const writers = [...world.writers, world.owner]
    .filter(({ pending, answeredAt }) => pending && answeredAt < since)
    .map(({ name = "owner", pending }) => {
      const { method, path, key, attempts, firstAt } = pending;
      return `  ${name} waits for ${method} ${path} ${key}: ${attempts} attempts in ${Date.now() - firstAt} ms`;
    });
  return [...memberships, ...writers].join("\n");
}
