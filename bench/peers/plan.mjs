// (a) The simplest design: the handler inserts, then emits. If the process dies in between, nobody receives the event.
// Events arrive in the order of the emits, not of the commits.

import { eventOf, insertSource, pool, room, serve } from "./common.mjs";

const io = serve({
  async createSource(actor, vaultId, body) {
    const source = await insertSource(pool, vaultId, body);
    io.to(room(vaultId)).emit("source:created", eventOf(source, actor));
    return source;
  },
});
