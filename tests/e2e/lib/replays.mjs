// Replays: vaults to replay, the state of a replay, and the replayed events of a client.
import { appendEvents } from "./append.mjs";
import { runWorkerJson } from "./outbox-worker.mjs";
import { eventually } from "./wait.mjs";

export const isReplay = ({ data }) => data?.replay !== undefined;
export const replayedEvents = (client, vaultId) => client.eventsOf(vaultId).filter(isReplay);
export const liveEvents = (client, vaultId) => client.eventsOf(vaultId).filter((event) => !isReplay(event));
export const seqsOf = (events) => events.map(({ data }) => data.seq);

/** Creates a vault with `count` events. */
export async function createVaultWith({ database }, rest, count) {
  const vault = await rest.createVault("Replayed");
  vault.head = await appendEvents(database, { vaultId: vault.id, actor: rest.user, count: count - 1 });
  return vault;
}

export async function findReplay({ database }, id) {
  return (await runWorkerJson(database, "replays")).find((replay) => replay.id === id);
}

/** Waits for a running replay of this vault and returns its id. */
export const waitForRunning = ({ database }, vaultId) =>
  eventually(async () => {
    const rows = await database.rows("SELECT id FROM replays WHERE vault_id = $1 AND state = 'running'", [vaultId]);
    return rows[0]?.id;
  }, "a running replay");

/** Waits for `count` replayed events of the vault. */
export const waitForReplayed = (client, vaultId, count) =>
  client.waitFor(() => replayedEvents(client, vaultId).length >= count, `${count} replayed events`);
