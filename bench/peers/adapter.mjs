// (c) Like (a), for several nodes: the adapter forwards events to the other nodes by NOTIFY.

import { createAdapter } from "@socket.io/postgres-adapter";
import pg from "pg";

import { connection, eventOf, insertSource, pool, room, serve } from "./common.mjs";

// The adapter has its own pool, because one connection listens permanently.
const io = serve({
  adapter: createAdapter(new pg.Pool({ ...connection, max: 10 })),
  async createSource(actor, vaultId, body) {
    const source = await insertSource(pool, vaultId, body);
    io.to(room(vaultId)).emit("source:created", eventOf(source, actor));
    return source;
  },
});
