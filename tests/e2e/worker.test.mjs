// `outbox-worker status` and `outbox-worker tail` on live data.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { sqlCreateSource } from "./lib/database.mjs";
import { LineProcess, run } from "./lib/process.mjs";
import { newSource } from "./lib/rest.mjs";
import { OUTBOX_WORKER_BIN } from "./lib/settings.mjs";
import { assertContiguous } from "./lib/subscriber.mjs";
import { eventually, withDeadline } from "./lib/wait.mjs";
import { World } from "./lib/world.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

let world, owner;
before(async () => {
  world = await World.open({ users: ["owner"] });
  owner = world.users.owner;
});
after(() => world?.close());

/** Starts `outbox-worker tail`, which ends with the test. */
function startTail(t, ...args) {
  const process = new LineProcess(OUTBOX_WORKER_BIN, ["tail", ...args], { DATABASE_URL: world.database.url });
  t.after(() => process.end("SIGKILL"));
  return process;
}

/** The events of one vault that a tail has printed so far. */
const printedEvents = ({ stdout }, vaultId) =>
  stdout.map((line) => JSON.parse(line)).filter((event) => event.vaultId === vaultId);

const waitForSeq = (process, vaultId, seq) =>
  process.line((line) => {
    const event = JSON.parse(line);
    return event.vaultId === vaultId && event.seq === seq;
  }, `event ${seq} of ${vaultId}`);

async function vaultWith(sources) {
  const vault = await owner.createVault("Watched");
  for (let i = 0; i < sources; i++) vault.head = (await owner.createSource(vault.id, `Source ${i}`)).seq;
  return vault;
}

describe("status", () => {
  const status = async (...args) => {
    const { code, stdout, stderr } = await run(OUTBOX_WORKER_BIN, ["status", ...args], {
      DATABASE_URL: world.database.url,
    });
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const KEYS = [
    "vaultId",
    "name",
    "deleted",
    "headSeq",
    "events",
    "logBytes",
    "newestEventAt",
    "newestEventAgeSeconds",
  ];

  test("--json: each vault with its head, the age of its newest event and the size of its log", async () => {
    const [small, large] = [await vaultWith(1), await vaultWith(20)];
    const { vaults } = JSON.parse(await status("--json"));
    for (const vault of vaults) assert.deepEqual(Object.keys(vault).sort(), [...KEYS].sort());
    const entryOf = ({ id }) => vaults.find(({ vaultId }) => vaultId === id);

    for (const vault of [small, large]) {
      const entry = entryOf(vault);
      assert.deepEqual(
        [entry.name, entry.deleted, entry.headSeq, entry.events],
        ["Watched", false, vault.head, vault.head],
      );
      const { payload } = (await world.database.log(vault.id)).at(-1);
      assert.equal(Date.parse(entry.newestEventAt), Date.parse(JSON.parse(payload).timestamp));
      assert.ok(
        entry.newestEventAgeSeconds >= 0 && entry.newestEventAgeSeconds < 60,
        `age ${entry.newestEventAgeSeconds}`,
      );
    }
    assert.ok(entryOf(small).logBytes > 200 && entryOf(large).logBytes > 5 * entryOf(small).logBytes, "sizes");

    await world.database.rows("UPDATE outbox SET created_at = created_at - interval '1 hour' WHERE vault_id = $1", [
      small.id,
    ]);
    await owner.expect(204, "DELETE", `/api/vaults/${large.id}`);
    const { vaults: later } = JSON.parse(await status("--json"));
    assert.ok(
      Math.abs(later.find(({ vaultId }) => vaultId === small.id).newestEventAgeSeconds - 3600) < 60,
      "an hour old",
    );
    const deleted = later.find(({ vaultId }) => vaultId === large.id);
    assert.deepEqual(
      [deleted.deleted, deleted.headSeq, deleted.events],
      [true, large.head + 1, large.head + 1],
      "a deleted vault keeps its log",
    );
  });

  test("the table shows the same, and --limit keeps the newest vaults", async () => {
    const [older, newer] = [await vaultWith(2), await vaultWith(4)];
    const row = (table, { id }) => table.split("\n").find((line) => line.includes(id));
    const table = await status();
    for (const vault of [older, newer]) assert.match(row(table, vault), new RegExp(`Watched.*\\b${vault.head}\\b`));
    const first = await status("--limit", "1");
    assert.ok(row(first, newer));
    assert.equal(row(first, older), undefined);
  });
});

describe("tail", () => {
  test("--vault --after 0 prints the whole log as one JSON line per event, then follows it live", async (t) => {
    const vault = await vaultWith(3);
    const process = startTail(t, "--vault", vault.id, "--after", "0");
    await waitForSeq(process, vault.id, vault.head);
    // The following events are written while tail waits, by the server and by SQL.
    const { seq } = await owner.createSource(vault.id, "Live");
    await waitForSeq(process, vault.id, seq);
    await sqlCreateSource(world.database.pool, { vaultId: vault.id, actorId: owner.user.id });
    await waitForSeq(process, vault.id, seq + 1);

    const log = await world.database.log(vault.id);
    assert.equal(process.stdout.length, log.length, "nothing else on stdout");
    process.stdout.forEach((line, i) => {
      const event = JSON.parse(line);
      assert.deepEqual(Object.keys(event).sort(), ["createdAt", "eventId", "payload", "seq", "type", "vaultId"]);
      assert.deepEqual(
        [event.vaultId, event.seq, event.eventId, event.type],
        [vault.id, log[i].seq, log[i].event_id, log[i].type],
      );
      assert.equal(Date.parse(event.createdAt), Date.parse(event.payload.timestamp));
      assert.ok(line.includes(log[i].payload), `the payload as stored: ${line}`);
    });
  });

  test("--after starts after that seq", async (t) => {
    const vault = await vaultWith(5);
    const process = startTail(t, "--vault", vault.id, "--after", "3");
    await waitForSeq(process, vault.id, vault.head);
    assertContiguous(
      printedEvents(process, vault.id).map(({ seq }) => seq),
      4,
      vault.head,
    );
  });

  test("--vault prints only that vault", async (t) => {
    const [watched, other] = [await vaultWith(1), await vaultWith(1)];
    const process = startTail(t, "--vault", watched.id, "--after", "0");
    await waitForSeq(process, watched.id, watched.head);
    await owner.createSource(other.id, "Elsewhere");
    const { seq } = await owner.createSource(watched.id, "Here");
    await waitForSeq(process, watched.id, seq);
    assert.deepEqual(new Set(process.stdout.map((line) => JSON.parse(line).vaultId)), new Set([watched.id]));
  });

  test("without --vault it follows all vaults, including new ones, in order and without a gap under load", async (t) => {
    const vaults = [await vaultWith(1), await vaultWith(1)];
    const process = startTail(t);
    // tail has started when the first event appears.
    const write = () => owner.createSource(vaults[0].id, "First event");
    await whileWriting(1, write, () => process.line((line) => JSON.parse(line).vaultId === vaults[0].id, "an event"));

    vaults.push(await owner.createVault("Created during tail"));
    await Promise.all(vaults.flatMap(({ id }) => Array.from({ length: 4 }, () => writeSources(owner, id, 6))));
    for (const { id } of vaults) {
      const head = await world.database.headSeq(id);
      await waitForSeq(process, id, head);
      const seqs = printedEvents(process, id).map(({ seq }) => seq);
      assertContiguous(seqs, seqs[0], head, `the log of ${id}`);
    }
    assert.equal(printedEvents(process, vaults[2].id)[0].seq, 1, "the new vault from its first event");
  });

  test("survives the loss of its connections", async (t) => {
    const vault = await vaultWith(1);
    const process = startTail(t, "--vault", vault.id, "--after", "0");
    await waitForSeq(process, vault.id, vault.head);
    let last = vault.head;
    const write = async () => {
      const answer = await owner.request("POST", `/api/vaults/${vault.id}/sources`, newSource("During outages"));
      if (answer.status === 201) last = Math.max(last, answer.seq);
      else assert.equal(answer.status, 503, answer.text);
    };
    await whileWriting(2, write, async () => {
      for (let kill = 0; kill < 5; kill++) {
        await world.database.terminateBackends();
        const before = last;
        await eventually(() => last >= before + 5, "writes continue");
        await waitForSeq(process, vault.id, last);
      }
    });
    const head = await world.database.headSeq(vault.id);
    await waitForSeq(process, vault.id, head);
    assertContiguous(
      printedEvents(process, vault.id).map(({ seq }) => seq),
      1,
      head,
    );
  });

  test("exits with 0 when its reader closes the pipe", async (t) => {
    const vault = await vaultWith(1);
    const process = startTail(t, "--vault", vault.id, "--after", "0");
    await waitForSeq(process, vault.id, vault.head);
    process.child.stdout.destroy();
    const write = () => owner.createSource(vault.id, "Unread");
    const exit = await whileWriting(1, write, () => withDeadline(process.exit, "tail exits"));
    assert.deepEqual(exit, { code: 0, signal: null });
  });

  test("an unknown vault is rejected with a message", async () => {
    const id = randomUUID();
    const { code, stdout, stderr } = await run(OUTBOX_WORKER_BIN, ["tail", "--vault", id], {
      DATABASE_URL: world.database.url,
    });
    assert.ok(code > 0);
    assert.ok(stderr.includes(id), stderr);
    assert.equal(stdout, "");
  });

  test("a malformed --vault or --after is rejected with a message", async () => {
    for (const args of [["--vault", "not-a-uuid"], ["--after=x"], ["--after=-1"]]) {
      const { code, stdout, stderr } = await run(OUTBOX_WORKER_BIN, ["tail", ...args], {
        DATABASE_URL: world.database.url,
      });
      assert.ok(code > 0, args.join(" "));
      assert.ok(stderr.includes(args[0].split("=")[0]), stderr);
      assert.equal(stdout, "");
    }
  });
});
