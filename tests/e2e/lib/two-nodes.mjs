// A live two-node system: two servers on one database, and official clients in a vault's room on both.
import { eventually } from "./wait.mjs";
import { World } from "./world.mjs";

/** A world with two servers, in `servers`, and what each is called in the table `nodes`, in `nodes`. */
export async function openTwoNodes({ env = {}, users = ["owner"] } = {}) {
  const world = await World.open({ env, users });
  try {
    world.servers = [world.server];
    world.nodes = [await newNode(world, [])];
    world.servers.push(await world.startServer({ env }));
    world.nodes.push(await newNode(world, world.nodes));
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
}

function newNode({ database }, known) {
  return eventually(async () => {
    const rows = await database.rows("SELECT id FROM nodes");
    return rows.map(({ id }) => id).find((id) => !known.includes(id));
  }, "the node has reported itself");
}

/** A client of that user in the vault's room, on each node. */
export function joinOnBothNodes(world, rest, vaultId, options = {}) {
  return Promise.all(world.servers.map((server) => world.member(rest, vaultId, { ...options, server })));
}
