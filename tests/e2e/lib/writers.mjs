// Load: writers that keep vaults busy.
import { newSource } from "./rest.mjs";

/**
 * One writer's life: creates a source, changes it, deletes it, over and over, `step` times in all. `each` sees every
 * answer. Returns the number of mutations that were applied.
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
    if (answer.status >= 300) throw new Error(`writer was answered ${answer.status} ${answer.text}`);
    if (i % 3 === 0) source = answer.body.source.id;
    applied++;
  }
  return applied;
}

/**
 * Runs `meanwhile` while `count` writers each run `write` again and again, and returns what it returned. However it
 * ends, the writers are stopped, and awaited. A writer that throws fails the whole at once.
 */
export async function whileWriting(count, write, meanwhile) {
  let on = true;
  const writers = Array.from({ length: count }, async (_, i) => {
    while (on) await write(i);
  });
  const through = Promise.all(writers);
  const never = new Promise(() => {});
  let result;
  try {
    result = await Promise.race([meanwhile(), through.then(() => never)]);
  } finally {
    on = false;
    await Promise.allSettled(writers);
  }
  await through;
  return result;
}
