// (a) The plan's own design: the handler inserts, then emits. A process that dies in between has told nobody, and the
// order of events is that of the emits, not of the commits.

import { eventOf, insertSource, pool, room, serve } from "./common.mjs";

const io = serve({
  async createSource(actor, vaultId, body) {
    const source = await insertSource(pool, vaultId, body);
    io.to(room(vaultId)).emit("source:created", eventOf(source, actor));
    return source;
  },
});
