// GET /api/sources/{id}/history and GET /api/vaults/{id}/sources?at=: past states from the log, for members only.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RestClient } from "./lib/rest.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { listSources, writeVaultHistory } from "./lib/vault-history.mjs";
import { eventually } from "./lib/wait.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

let world, users, owner, viewer, outsider, database, vault;
before(async () => {
  world = await openTwoNodes({ users: ["owner", "contributor", "viewer", "outsider"] });
  ({ users, database } = world);
  ({ owner, viewer, outsider } = users);
  vault = await writeVaultHistory(users);
});
after(async () => {
  await world?.close();
  assertNoPanic(...(world?.servers ?? []));
});

const historyOf = (rest, id) => rest.expect(200, "GET", `/api/sources/${id}/history`).then(({ body }) => body.events);

/** Asserts a problem document with that status and code. */
async function assertProblem(rest, path, status, code) {
  const answer = await rest.expect(status, "GET", path);
  assert.match(answer.headers.get("content-type"), /^application\/problem\+json/);
  assert.deepEqual([answer.body.status, answer.body.code], [status, code]);
}

/** The events of the log that concern a source. */
const eventsOfSource = (log, id) =>
  log.filter(({ type, payload }) => {
    const { source, sourceId } = JSON.parse(payload);
    return type.startsWith("source:") && (source?.id ?? sourceId) === id;
  });

describe("history of a source", () => {
  test("every event of the source as stored, oldest first, for every member, on both nodes", async () => {
    const log = await database.log(vault.id);
    for (const { id } of Object.values(vault.sources)) {
      const rows = eventsOfSource(log, id);
      assert.ok(rows.length > 0);
      for (const server of world.servers) {
        for (const rest of [owner, viewer]) {
          const answer = await rest.at(server).expect(200, "GET", `/api/sources/${id}/history`);
          const { events } = answer.body;
          assert.deepEqual(
            events.map(({ seq, eventId, type }) => [seq, eventId, type]),
            rows.map(({ seq, event_id, type }) => [seq, event_id, type]),
          );
          for (const [i, event] of events.entries()) {
            assert.deepEqual(Object.keys(event).sort(), ["createdAt", "eventId", "payload", "seq", "type"]);
            assert.deepEqual(event.payload, JSON.parse(rows[i].payload));
            assert.equal(event.createdAt, event.payload.timestamp);
            assert.ok(answer.text.includes(rows[i].payload), "the stored bytes");
          }
        }
      }
    }
  });

  test("the history shows the actor, the version and the new values of each change", async () => {
    const events = await historyOf(owner, vault.sources.changed.id);
    assert.deepEqual(
      events.map(({ type, payload }) => [type, payload.source.title, payload.source.version, payload.actor.userName]),
      [
        ["source:created", "Changed", 1, "contributor"],
        ["source:updated", "Changed once", 2, "contributor"],
        ["source:updated", "Changed once", 3, "contributor"],
      ],
    );
  });

  test("the history of a deleted source is available", async () => {
    await owner.expect(404, "GET", `/api/sources/${vault.sources.gone.id}`);
    for (const rest of [owner, viewer]) {
      const types = (await historyOf(rest, vault.sources.gone.id)).map(({ type }) => type);
      assert.deepEqual(types, ["source:created", "source:deleted"]);
    }
  });

  test("404 for non-members and former members, as for an unknown source; 401 without a session", async () => {
    for (const { id } of [vault.sources.kept, vault.sources.gone, { id: randomUUID() }]) {
      await assertProblem(outsider, `/api/sources/${id}/history`, 404, "NOT_FOUND");
      await assertProblem(new RestClient(world.server.url), `/api/sources/${id}/history`, 401, "UNAUTHORIZED");
    }
    await assertProblem(owner, `/api/sources/${randomUUID()}/history`, 404, "NOT_FOUND");
    // Membership of another vault gives no access.
    await outsider.createVault("Elsewhere");
    await assertProblem(outsider, `/api/sources/${vault.sources.kept.id}/history`, 404, "NOT_FOUND");

    const other = await writeVaultHistory(users);
    await owner.expect(204, "DELETE", `/api/vaults/${other.id}/members/${viewer.user.id}`);
    for (const { id } of [other.sources.kept, other.sources.gone]) {
      await assertProblem(viewer, `/api/sources/${id}/history`, 404, "NOT_FOUND");
    }
    await owner.expect(204, "DELETE", `/api/vaults/${other.id}`);
    for (const { id } of [other.sources.kept, other.sources.gone]) {
      await assertProblem(owner, `/api/sources/${id}/history`, 404, "NOT_FOUND");
    }
  });

  test("400 or 404 for a malformed id, 405 for other methods", async () => {
    const answer = await owner.request("GET", "/api/sources/nonsense/history");
    assert.ok([400, 404].includes(answer.status), String(answer.status));
    await owner.expect(405, "DELETE", `/api/sources/${vault.sources.kept.id}/history`);
  });

  test("a history that grows while it is read is always consistent", async () => {
    const source = await owner.createSource(vault.id, "Version 1");
    let version = 1;
    const write = async () => {
      await owner.updateSource(source.id, { title: `Version ${version + 1}` });
      version++;
    };
    await whileWriting(1, write, async () => {
      let length = 0;
      await eventually(async () => {
        const events = await historyOf(owner.at(world.servers[1]), source.id);
        assert.ok(events.length >= length, "the history does not shrink");
        length = events.length;
        assert.deepEqual(
          events.map(({ payload }) => payload.source.version),
          Array.from({ length }, (_, i) => i + 1),
        );
        return length > 20;
      }, "twenty versions");
    });
  });
});

describe("the list at an earlier position", () => {
  /** Makes changes in a new vault and records the list of sources after each event. */
  async function recordLists() {
    const pages = [];
    const fresh = await owner.createVault("Recorded");
    const record = async (seq) => (pages[seq] = (await listSources(owner, fresh.id)).sources);
    await record(1);
    const ids = [];
    for (let i = 0; i < 4; i++) {
      const source = await owner.createSource(fresh.id, `Source ${i}`);
      ids.push(source.id);
      await record(source.seq);
    }
    await record((await owner.updateSource(ids[1], { title: "Changed" })).seq);
    await record((await owner.deleteSource(ids[0])).seq);
    await record((await owner.expect(200, "PATCH", `/api/vaults/${fresh.id}`, { name: "Renamed" })).seq);
    await record((await owner.updateSource(ids[1], { fileUrl: "https://example.test/new.pdf" })).seq);
    await record((await owner.deleteSource(ids[3])).seq);
    return { pages, id: fresh.id, head: pages.length - 1 };
  }

  test("every position gives the right list on both nodes; the head gives the current list, 0 an empty one", async () => {
    const { id, pages, head } = await recordLists();
    assert.equal(await database.headSeq(id), head);
    for (const server of world.servers) {
      const rest = owner.at(server);
      for (let at = 1; at <= head; at++) {
        assert.deepEqual(await listSources(rest, id, `?at=${at}`), { sources: pages[at], seq: at, nextCursor: null });
      }
      assert.deepEqual(await listSources(rest, id, `?at=${head}`), await listSources(rest, id));
      assert.deepEqual(await listSources(rest, id, "?at=0"), { sources: [], seq: 0, nextCursor: null });
    }
  });

  test("later changes do not affect the list, and joining after its seq continues it", async () => {
    const { id, pages, head } = await recordLists();
    const [member] = await joinOnBothNodes(world, owner, id);
    await writeSources(owner, id, 9);
    assert.deepEqual((await listSources(owner, id, `?at=${head}`)).sources, pages[head]);
    await member.awaitSeq(id, head + 9);
    const client = await world.subscriber(owner);
    await client.join({ vaultId: id, after: 5 });
    // The list at 5 plus the events after it gives the current list.
    const sources = new Map(pages[5].map((source) => [source.id, source]));
    for (const { name, data } of client.eventsOf(id)) {
      if (name === "source:deleted") sources.delete(data.sourceId);
      else if (name.startsWith("source:")) sources.set(data.source.id, data.source);
    }
    const byId = (list) => [...list].sort((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(byId(sources.values()), byId((await listSources(owner, id)).sources));
  });

  test("all pages together give the list at that position, even if sources are written between pages", async () => {
    const large = await owner.createVault("Large");
    const head = await appendEvents(database, { vaultId: large.id, actor: owner.user, count: 57 });
    const now = await listSources(owner, large.id);
    assert.equal(now.sources.length, 57);
    for (const { id } of now.sources.slice(10, 30)) await owner.deleteSource(id);
    await owner.createSource(large.id, "Later");

    const allSources = [];
    let cursor = "";
    let pages = 0;
    do {
      const page = await listSources(
        owner,
        large.id,
        `?at=${head}&limit=10${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      assert.equal(page.seq, head);
      assert.ok(page.sources.length <= 10);
      allSources.push(...page.sources);
      cursor = page.nextCursor;
      pages++;
      await owner.createSource(large.id, "Between two pages");
    } while (cursor !== null);
    assert.equal(pages, 6);
    assert.deepEqual(allSources, now.sources);
  });

  test("one page if the list fits", async () => {
    const page = await listSources(owner, vault.id, `?at=${vault.head}&limit=1000`);
    assert.equal(page.nextCursor, null);
    assert.deepEqual(
      page.sources.map(({ title }) => title),
      ['Kept \u{1D11E} "quoted" \\ \u0007', "Changed once", "Last"],
    );
  });

  test("400 above the head, below 0 and for a value that is not a number", async () => {
    const head = await database.headSeq(vault.id);
    for (const at of [head + 1, head + 1000, -1, "x", "1.5", "", "9223372036854775808"]) {
      await assertProblem(owner, `/api/vaults/${vault.id}/sources?at=${at}`, 400, "BAD_REQUEST");
    }
    for (const query of [`?at=${head}&limit=0`, `?at=${head}&cursor=nonsense`, `?at=${head}&until=3`]) {
      await assertProblem(owner, `/api/vaults/${vault.id}/sources${query}`, 400, "BAD_REQUEST");
    }
  });

  test("404 for anyone who is not a member now, including former members; 401 without a session", async () => {
    const other = await writeVaultHistory(users);
    await owner.expect(204, "DELETE", `/api/vaults/${other.id}/members/${viewer.user.id}`);
    const at = (position) => `/api/vaults/${other.id}/sources?at=${position}`;
    for (const position of [0, 3, other.head, 10_000]) {
      // The response does not reveal the length of the log either.
      for (const rest of [viewer, outsider]) await assertProblem(rest, at(position), 404, "NOT_FOUND");
      await assertProblem(new RestClient(world.server.url), at(position), 401, "UNAUTHORIZED");
    }
    await assertProblem(owner, `/api/vaults/${randomUUID()}/sources?at=1`, 404, "NOT_FOUND");
    await owner.expect(204, "DELETE", `/api/vaults/${other.id}`);
    await assertProblem(owner, at(3), 404, "NOT_FOUND");
  });

  test("a member also sees the time before the membership", async () => {
    const page = await listSources(viewer, vault.id, "?at=2");
    assert.deepEqual(
      page.sources.map(({ id }) => id),
      [vault.sources.kept.id],
    );
  });
});
