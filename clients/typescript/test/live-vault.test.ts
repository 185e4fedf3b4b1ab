// A live vault equals the tables, whatever the writers and the network do (I4, I7).
import assert from "node:assert/strict";
import test from "node:test";
import { LiveVault, type LiveVaultHandlers, type Source } from "@syncscript/client";
import type { User } from "./lib/user.js";
import { eventually, repeatUntilStopped, seededRandom } from "./lib/wait.js";
import { World } from "./lib/world.js";

/** Waits until `live` reaches the head of the log, then compares it with the projection. */
async function assertEqualsTables(world: World, live: LiveVault): Promise<void> {
  const head = await world.database.head(world.vaultId);
  await eventually(
    () => live.seq >= head && live.state.status === "live",
    () => `live at ${head}; ${JSON.stringify({ seq: live.seq, state: live.state, counters: live.counters })}`,
  );
  const sources = [...live.sources.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const members = [...live.members.values()].sort((a, b) => (a.userId < b.userId ? -1 : 1));
  assert.deepEqual({ sources, members }, await world.database.tables(world.vaultId));
  const [row] = await world.database.rows("SELECT name, head_seq::int FROM vaults WHERE id = $1", [world.vaultId]);
  assert.deepEqual([live.vault?.name, live.seq], [row?.name, row?.head_seq]);
}

/** Returns a writer that makes one random change per call. */
function writer(world: World, other: User, random: () => number): () => Promise<unknown> {
  const sources: Source[] = [];
  let member = false;
  let count = 0;
  const change = (path: string, body: object) => world.owner.request(200, "PATCH", path, body);
  return async () => {
    const [dice, victim] = [random(), sources[Math.floor(random() * sources.length)]];
    const name = `Change ${++count}`;
    if (dice < 0.4 || !victim) {
      sources.push(await world.owner.createSource(world.vaultId, name));
    } else if (dice < 0.7) {
      await change(`/api/sources/${victim.id}`, { title: name });
    } else if (dice < 0.85) {
      sources.splice(sources.indexOf(victim), 1);
      await world.owner.request(204, "DELETE", `/api/sources/${victim.id}`);
    } else if (dice < 0.95) {
      await (member ? world.owner.removeMember(world.vaultId, other) : world.owner.addMember(world.vaultId, other));
      member = !member;
    } else {
      await change(`/api/vaults/${world.vaultId}`, { name });
    }
  };
}

for (const [limit, what] of [
  ["10000", "from the log"],
  ["20", "by reloads, because the backlog usually exceeds the limit"],
] as const) {
  test(`after random changes and lost connections, a live vault catches up ${what}`, async (t) => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`SEED=${seed}`);
    const random = seededRandom(seed);
    const world = await World.open(t, { SYNCSCRIPT_BACKLOG_LIMIT: limit });
    const others = await Promise.all(["a", "b", "c"].map((name) => world.signUp(name)));
    await world.owner.createSources(world.vaultId, 10);
    const proxy = await world.proxy();
    let mismatch: string | undefined;
    const onChange: LiveVaultHandlers["onChange"] = (live, event) => {
      if (event && event.seq !== live.seq) mismatch = `event ${event.seq} reported at position ${live.seq}`;
    };
    const live = new LiveVault(world.client(world.owner, proxy.url), world.vaultId, { onChange });
    const writes = others.map((other, i) => writer(world, other, seededRandom(seed + i + 1)));
    const writers = repeatUntilStopped(
      writes.length,
      (i) => writes[i]?.() ?? Promise.reject(new Error("no such writer")),
    );
    while (proxy.connections < 10) {
      const from = live.seq;
      await eventually(() => live.seq > from, "progress");
      if (random() < 0.5) proxy.cut();
      else proxy.cutAfter(Math.floor(random() * 20_000));
    }
    await writers.stop();
    await assertEqualsTables(world, live);
    t.diagnostic(`${live.seq} events, ${proxy.connections} connections, ${JSON.stringify(live.counters)}`);
    assert.equal(mismatch, undefined);
  });
}

test("during a load with concurrent writes, onChange reports consistent states only", async (t) => {
  const world = await World.open(t);
  await world.database.rows(
    "SELECT count(*) FROM generate_series(1, 2500) i, sources_create(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY['Source ' || i], '{https://example.test/}', true)",
    [world.vaultId, world.owner.id],
  );
  const [{ id: oldest } = { id: "" }] = await world.database.rows<{ id: string }>(
    "SELECT id FROM sources ORDER BY created_at, id LIMIT 1",
  );
  // A change after each request of the load: to a source already read, one not yet read, the members, the vault.
  const other = await world.signUp("other");
  const changes = [
    () => world.owner.request(200, "PATCH", `/api/sources/${oldest}`, { title: "Changed after it was read" }),
    () => world.owner.request(204, "DELETE", `/api/sources/${oldest}`),
    () => world.owner.createSource(world.vaultId, "Created before its page"),
    () => world.owner.addMember(world.vaultId, other),
    () => world.owner.request(200, "PATCH", `/api/vaults/${world.vaultId}`, { name: "Renamed before it was read" }),
  ];
  const requested: string[] = [];
  const slow: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    requested.push(String(input));
    await changes[requested.length - 1]?.();
    return response;
  };
  const reported: { seq: number; count: number }[] = [];
  const client = world.client(world.owner, world.server.url, { fetch: slow });
  const live = new LiveVault(client, world.vaultId, {
    onChange: (vault) => reported.push({ seq: vault.seq, count: vault.sources.size }),
  });
  await assertEqualsTables(world, live);
  assert.equal(requested.length, 5, "three pages, the members, the vault");
  // The fifth change came after the last request, so onChange reports it as an event or together with the load.
  assert.ok(reported.length >= 1 && reported.length <= 2, JSON.stringify(reported));
  assert.ok(
    reported.every(({ seq, count }) => seq >= 2505 && count === 2500),
    JSON.stringify(reported),
  );
});

test("an exception in onChange does not count as a failed reload", async (t) => {
  const world = await World.open(t);
  const errors: unknown[] = [];
  const live = new LiveVault(world.client(), world.vaultId, {
    onChange: () => {
      throw new Error("in onChange");
    },
    onError: (error) => errors.push(error),
  });
  await world.owner.createSource(world.vaultId);
  await assertEqualsTables(world, live);
  assert.ok(errors.length >= 1 && errors.every((error) => /in onChange/.test(String(error))), String(errors));
  live.close();
  assert.equal(live.state.status, "closed");
});
