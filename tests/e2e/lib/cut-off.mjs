// I6 with its bound: a removal, a logout or an expiry acts on the live sockets of every node within a second.
import assert from "node:assert/strict";

/**
 * The longest accepted time until a live socket is cut off, in milliseconds. The promise is 1 s on a quiet system; nodes
 * look every 250 ms. Three times the promise leaves 2 s for the pauses of a busy machine with 2 cores, and is far below
 * the timeout of a wait (20 s), within which a socket would be cut off only eventually.
 */
const CUT_OFF_LIMIT_MS = 3_000;

/** Asserts that what happened at `from` took effect before `at`, within the limit. Both are of `performance.now()`. */
export function assertInTime(t, from, at, what) {
  const ms = Math.max(0, Math.round(at - from));
  t.diagnostic(`${what} after ${ms} ms; the promise is 1000 ms, the limit of this test ${CUT_OFF_LIMIT_MS} ms`);
  assert.ok(ms < CUT_OFF_LIMIT_MS, `${what} after ${ms} ms, not within ${CUT_OFF_LIMIT_MS} ms`);
}

/** The time of the first `name` that a client received. */
const timeOf = (client, name) => client.received.find((event) => event.name === name).at;

/** Waits until all clients have received `name`, and asserts that the last of them did in time after `from`. */
async function assertAllReceived(t, clients, name, from) {
  for (const client of clients) await client.until(() => client.latest[name], `${name}, ${client.where}`);
  assertInTime(t, from, Math.max(...clients.map((client) => timeOf(client, name))), `${name} at the last client`);
}

/** Asserts that all clients are disconnected, in time after `from`. */
export async function assertDisconnected(t, clients, from) {
  await assertAllReceived(t, clients, "disconnect", from);
  for (const client of clients) assert.equal(client.disconnects, 1, client.where);
}

/** Asserts that all clients get `vault:left`, in time after `from`. */
export const assertLeft = (t, clients, from) => assertAllReceived(t, clients, "vault:left", from);
