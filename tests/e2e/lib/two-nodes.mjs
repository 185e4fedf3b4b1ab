// A live system of two nodes: two servers on one database, and official clients in a vault's room on both.
import { eventually } from "./wait.mjs";
import { World } from "./world.mjs";

/** Opens a world with two servers in `servers`, and their ids from the table `nodes` in `nodes`. */
export async function openTwoNodes({ env = {}, users = ["owner"] } = {}) {
  const world = await World.open({ env, users });
  try {
    world.servers = [world.server];
    world.nodes = [await waitForNewNode(world, [])];
    world.servers.push(await world.startServer({ env }));
    world.nodes.push(await waitForNewNode(world, world.nodes));
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

function waitForNewNode({ database }, known) {
  return eventually(async () => {
    const rows = await database.rows("SELECT id FROM nodes");
    return rows.map(({ id }) => id).find((id) => !known.includes(id));
  }, "the node has registered itself");
}

/** Joins the vault's room with one client of that user on each node. */
export function joinOnBothNodes(world, rest, vaultId, options = {}) {
  return Promise.all(world.servers.map((server) => world.member(rest, vaultId, { ...options, server })));
}
