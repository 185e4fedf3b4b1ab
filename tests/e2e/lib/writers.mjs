// Load: writers that continuously change vaults.
import { newSource } from "./rest.mjs";

/**
 * Creates, updates and deletes a source in turn, `steps` mutations in total. `each` gets every response. Returns the
 * number of applied mutations.
 */
export async function writeSources(rest, vaultId, steps, each = () => {}) {
  let source = null;
  let applied = 0;
  for (let i = 0; i < steps; i++) {
    const answer = await [
      () => rest.request("POST", `/api/vaults/${vaultId}/sources`, newSource(`Source ${i}`)),
      () => rest.request("PATCH", `/api/sources/${source}`, { title: `Source ${i}, revised` }),
      () => rest.request("DELETE", `/api/sources/${source}`),
    ][i % 3]();
    each(answer);
    if (answer.status >= 300) throw new Error(`the writer got ${answer.status} ${answer.text}`);
    if (i % 3 === 0) source = answer.body.source.id;
    applied++;
  }
  return applied;
}

/**
 * Runs `body` while `count` writers each call `write` in a loop, and returns the result of `body`. It always stops the
 * writers and waits for them. If a writer throws, the call fails immediately.
 */
export async function whileWriting(count, write, body) {
  let running = true;
  const writers = Array.from({ length: count }, async (_, i) => {
    while (running) await write(i);
  });
  const allDone = Promise.all(writers);
  const never = new Promise(() => {});
  let result;
  try {
    result = await Promise.race([body(), allDone.then(() => never)]);
  } finally {
    running = false;
    await Promise.allSettled(writers);
  }
  await allDone;
  return result;
}
