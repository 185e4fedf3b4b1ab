// `outbox-worker export | outbox-worker import`: a backup of the log alone restores the system.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { appendEvents } from "./lib/append.mjs";
import { Database } from "./lib/database.mjs";
import {
  assertErrorExit,
  assertVerifiesClean,
  runWorker,
  runWorkerOk,
  runWorkerWithInput,
  tableDigests,
  WorkerProcess,
  workerConnections,
} from "./lib/outbox-worker.mjs";
import { LineProcess, run } from "./lib/process.mjs";
import { assertNoPanic } from "./lib/procfs.mjs";
import { RestClient } from "./lib/rest.mjs";
import { Server } from "./lib/server.mjs";
import { OUTBOX_WORKER_BIN, SYNCSCRIPT_BIN } from "./lib/settings.mjs";
import { assertContiguous, Subscriber } from "./lib/subscriber.mjs";
import { joinOnBothNodes, openTwoNodes } from "./lib/two-nodes.mjs";
import { listSources, writeVaultHistory } from "./lib/vault-history.mjs";
import { eventually } from "./lib/wait.mjs";
import { whileWriting, writeSources } from "./lib/writers.mjs";

/** Creates a migrated, empty database, which is dropped after the test. */
async function createEmptyDatabase(t) {
  const database = await Database.create();
  t.after(() => database.drop());
  const { code, stderr } = await run(SYNCSCRIPT_BIN, ["migrate"], { DATABASE_URL: database.url });
  assert.equal(code, 0, stderr);
  return database;
}

const linesOf = (text) => text.trimEnd().split("\n");
const eventsOf = (text) =>
  linesOf(text)
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** Returns the lines as an export, with the closing line that has their count and SHA-256. */
function withClosingLine(lines) {
  const body = lines.map((line) => `${line}\n`).join("");
  const sha256 = createHash("sha256").update(body).digest("hex");
  return `${body}${JSON.stringify({ end: { events: lines.length, sha256 } })}\n`;
}

/** Asserts that the import fails with one sentence and changes nothing. */
async function assertNotImported(database, input, message) {
  const before = await tableDigests(database);
  assertErrorExit(await runWorkerWithInput(database, ["import"], input), message);
  assert.deepEqual(await tableDigests(database), before, "nothing changed");
}

let world, users, owner, database, vaults;
before(async () => {
  world = await openTwoNodes({ users: ["owner", "contributor", "viewer"] });
  ({ users, database } = world);
  owner = users.owner;
  vaults = {
    active: await writeVaultHistory(users),
    compacted: await writeVaultHistory(users, { name: "Compacted" }),
    deleted: await writeVaultHistory(users, { name: "Deleted" }),
    large: await owner.createVault("Large"),
  };
  await appendEvents(database, { vaultId: vaults.large.id, actor: owner.user, count: 2500 });
  await runWorkerOk(database, "compact", "--vault", vaults.compacted.id, "--before", "9");
  await owner.expect(204, "DELETE", `/api/vaults/${vaults.deleted.id}`);
});
after(async () => {
  await world?.close();
  assertNoPanic(...(world?.servers ?? []));
});

describe("export", () => {
  test("one line per event, by vault and seq, with the payload as stored; the closing line has count and SHA-256", async () => {
    const text = await runWorkerOk(database, "export");
    const rows = await database.rows(
      `SELECT vault_id, seq::int AS seq, event_id, type, payload::text AS payload, actor_id, created_at
       FROM outbox ORDER BY vault_id, seq`,
    );
    const lines = linesOf(text);
    assert.equal(lines.length, rows.length + 1);
    for (const [i, row] of rows.entries()) {
      const { createdAt, ...line } = JSON.parse(lines[i]);
      assert.deepEqual(line, {
        vaultId: row.vault_id,
        seq: row.seq,
        eventId: row.event_id,
        type: row.type,
        payload: JSON.parse(row.payload),
        actorId: row.actor_id,
      });
      assert.equal(Date.parse(createdAt), row.created_at.getTime());
      assert.ok(lines[i].includes(row.payload), lines[i]);
    }
    assert.equal(text, withClosingLine(lines.slice(0, -1)));
  });

  test("--vault, and --after", async () => {
    const { id, head } = vaults.active;
    const all = eventsOf(await runWorkerOk(database, "export", "--vault", id));
    assert.deepEqual(new Set(all.map(({ vaultId }) => vaultId)), new Set([id]));
    assertContiguous(
      all.map(({ seq }) => seq),
      1,
      head,
    );
    const rest = eventsOf(await runWorkerOk(database, "export", "--vault", id, "--after", "4"));
    assert.deepEqual(rest, all.slice(4));
    assert.deepEqual(eventsOf(await runWorkerOk(database, "export", "--vault", id, "--after", String(head))), []);
  });

  test("an export during writes is a consistent snapshot", async (t) => {
    const copy = await createEmptyDatabase(t);
    const vault = await owner.createVault("Busy");
    const rests = world.servers.map((server) => owner.at(server));
    const members = await joinOnBothNodes(world, owner, vault.id);
    const write = (i) => writeSources(rests[i % 2], vault.id, 3);
    const text = await whileWriting(4, write, async () => {
      await members[0].awaitSeq(vault.id, 20);
      return runWorkerOk(database, "export");
    });
    const { code, stderr } = await runWorkerWithInput(copy, ["import"], text);
    assert.equal(code, 0, stderr);
    await assertVerifiesClean(copy);
    const head = await database.headSeq(vault.id);
    assert.ok((await copy.headSeq(vault.id)) <= head);
    for (const member of members) {
      await member.awaitSeq(vault.id, head);
      assertContiguous(member.seqsOf(vault.id), member.joined.seq + 1, head, "the live events");
    }
  });

  test("exits with 0 when its reader closes the pipe, and with an error when the disk is full", async () => {
    const process = new LineProcess(OUTBOX_WORKER_BIN, ["export"], { DATABASE_URL: database.url });
    await process.line((line) => line.includes('"seq":1,'), "a first line");
    process.child.stdout.destroy();
    assert.equal((await process.exit).code, 0);

    const full = await new WorkerProcess(database, ["export"], { stdout: "/dev/full" }).end();
    assertErrorExit({ ...full, stdout: "" }, /No space left/);
  });
});

describe("import restores the log", () => {
  test("verify succeeds, an export of the copy is identical, and a server can continue from it", async (t) => {
    const copy = await createEmptyDatabase(t);
    const text = await runWorkerOk(database, "export");
    const { code, stdout, stderr } = await runWorkerWithInput(copy, ["import"], text);
    assert.equal(code, 0, stderr);
    assert.match(stdout, new RegExp(`${linesOf(text).length - 1} events`));
    const report = await assertVerifiesClean(copy, "--all");
    assert.equal(report.events, linesOf(text).length - 1);
    assert.ok((await runWorkerOk(copy, "export")) === text, "the export of the copy is identical");

    // The tables are identical, except for the accounts: the log has only the users' names.
    for (const table of ["vaults", "vault_users", "sources", "outbox"]) {
      assert.equal((await tableDigests(copy))[table], (await tableDigests(database))[table], table);
    }
    assert.deepEqual(
      await copy.rows("SELECT id, name FROM users ORDER BY id"),
      await database.rows("SELECT id, name FROM users ORDER BY id"),
    );

    // Nobody can sign in until an operator restores the accounts.
    const server = await Server.start({ database: copy });
    t.after(() => server.end("SIGKILL"));
    for (const { email, id } of await database.rows("SELECT id, email FROM users")) {
      for (const address of [email, `${id}@imported.invalid`]) {
        for (const password of ["!", ""]) {
          const { status } = await new RestClient(server.url).request("POST", "/api/auth/login", {
            email: address,
            password,
          });
          assert.ok(status === 401 || status === 422 || status === 400, `${status}`);
        }
      }
    }
    for (const user of await database.rows("SELECT id, email, password_hash FROM users")) {
      await copy.rows("UPDATE users SET email = $2, password_hash = $3 WHERE id = $1", Object.values(user));
    }
    const again = await new RestClient(server.url).login(owner.user.email);
    assert.deepEqual(again.user, owner.user);
    const { id, head } = vaults.active;
    assert.deepEqual(await listSources(again, id), await listSources(owner, id));
    assert.deepEqual(
      (await again.expect(200, "GET", "/api/vaults")).body,
      (await owner.expect(200, "GET", "/api/vaults")).body,
    );
    const client = await Subscriber.connect(server, again);
    t.after(() => client.close());
    await client.join({ vaultId: id, after: 0 });
    assert.equal((await again.createSource(id, "Created in the copy")).seq, head + 1);
    await client.awaitSeq(id, head + 1);
    assertContiguous(client.seqsOf(id), 1, head + 1);
    await again.updateSource(vaults.active.sources.kept.id, { title: "Changed in the copy" });
    await again.expect(404, "GET", `/api/vaults/${vaults.deleted.id}`);
    await assertVerifiesClean(copy);
  });

  test("existing accounts stay unchanged, and everyone can still sign in", async (t) => {
    const copy = await createEmptyDatabase(t);
    for (const user of await database.rows("SELECT id, email, name, password_hash FROM users")) {
      await copy.rows(
        "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4)",
        Object.values(user),
      );
    }
    const accounts = (await tableDigests(copy)).users;
    assert.equal((await runWorkerWithInput(copy, ["import"], await runWorkerOk(database, "export"))).code, 0);
    assert.equal((await tableDigests(copy)).users, accounts);
    const server = await Server.start({ database: copy });
    t.after(() => server.end("SIGKILL"));
    const viewer = await new RestClient(server.url).login(users.viewer.user.email);
    assert.deepEqual(await listSources(viewer, vaults.active.id), await listSources(owner, vaults.active.id));
  });

  test("a single vault", async (t) => {
    for (const { id } of [vaults.active, vaults.compacted, vaults.deleted]) {
      const copy = await createEmptyDatabase(t);
      const text = await runWorkerOk(database, "export", "--vault", id);
      assert.equal((await runWorkerWithInput(copy, ["import"], text)).code, 0);
      await assertVerifiesClean(copy);
      assert.ok((await runWorkerOk(copy, "export")) === text);
    }
  });

  test("an empty export", async (t) => {
    const copy = await createEmptyDatabase(t);
    const text = await runWorkerOk(copy, "export");
    assert.equal(text, withClosingLine([]));
    assert.equal((await runWorkerWithInput(copy, ["import"], text)).code, 0);
    await assertVerifiesClean(copy);
  });
});

describe("import rejects with one sentence and changes nothing", () => {
  let text, lines, copy;
  before(async () => {
    // More than one batch, so that a rejection at the end has rows to roll back.
    text = await runWorkerOk(database, "export", "--vault", vaults.large.id);
    lines = linesOf(text);
    copy = await Database.create();
    assert.equal((await run(SYNCSCRIPT_BIN, ["migrate"], { DATABASE_URL: copy.url })).code, 0);
    await copy.rows(
      "INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'a@b.test', 'A', '!')",
    );
  });
  after(() => copy?.drop());

  const edit = (i, from, to) => {
    assert.ok(lines[i].includes(from));
    return `${[...lines.slice(0, i), lines[i].replace(from, to), ...lines.slice(i + 1)].join("\n")}\n`;
  };
  const without = (...indexes) => `${lines.filter((_, i) => !indexes.includes(i)).join("\n")}\n`;
  const cases = {
    "empty input": [() => "", /truncated/],
    "cut at the end of a line": [() => `${lines.slice(0, 1700).join("\n")}\n`, /truncated/],
    "cut in the middle of a line": [() => text.slice(0, Math.floor(text.length * 0.7)), /line \d+|truncated/],
    "cut before the last line": [() => `${lines.slice(0, -1).join("\n")}\n`, /truncated/],
    "cut in the middle of the last line": [() => text.slice(0, -20), /line 2502|truncated|edited/],
    "an edited title": [() => edit(2000, '"title":"Filled"', '"title":"Forged"'), /SHA-256/],
    "an edited time": [() => edit(2000, '"createdAt":"2', '"createdAt":"1'), /./],
    "an edited hash": [() => text.replace(/"sha256":"./, '"sha256":"x'), /SHA-256/],
    "an edited count": [() => text.replace(/"events":2501/, '"events":2500'), /2501/],
    "a missing line": [() => without(1200), /seq 1202/],
    "a missing first line": [() => without(0), /seq 2/],
    "a missing last event": [() => without(2500), /2500|edited/],
    "a duplicated line": [() => `${[...lines.slice(0, 900), ...lines.slice(899)].join("\n")}\n`, /seq 900/],
    "two swapped lines": [() => `${[lines[1], lines[0], ...lines.slice(2)].join("\n")}\n`, /seq 2/],
    "a line after the closing line": [() => `${text}${lines[0]}\n`, /./],
    "two concatenated exports": [() => text + text, /./],
    "text that is not an export": [() => "Dear Sir or Madam,\n", /line 1/],
    "an unknown field": [() => edit(5, "{", '{"extra":1,'), /line 6/],
    "an unknown event type": [
      () =>
        withClosingLine([...lines.slice(0, 7), lines[7].replace('"type":"source:created"', '"type":"source:burnt"')]),
      /type/,
    ],
  };
  for (const [name, [input, message]] of Object.entries(cases)) {
    test(name, async (t) => {
      // If the import succeeds by mistake, it must not affect the next test.
      t.after(() => copy.rows("TRUNCATE vaults CASCADE"));
      await assertNotImported(copy, input(), message);
    });
  }

  test("an export that starts in the middle", async () => {
    const half = await runWorkerOk(database, "export", "--vault", vaults.large.id, "--after", "100");
    await assertNotImported(copy, half, /seq 101/);
  });

  test("a database that already has vaults", async () => {
    const { code, stderr } = await runWorker(database, "import");
    assert.ok(code > 0);
    assert.match(stderr, /already has vaults/);
    await assertNotImported(database, text, /already has vaults/);
  });

  test("SIGKILL in the middle: nothing is imported, and the command can run again", async (t) => {
    const target = await createEmptyDatabase(t);
    const server = await Server.start({ database: target });
    t.after(() => server.end("SIGKILL"));
    const before = await tableDigests(target);
    const operation = new WorkerProcess(target, ["import"]);
    operation.child.stdin.write(`${lines.slice(0, 2200).join("\n")}\n`);
    // The tool has written two batches and waits for the rest.
    await eventually(
      async () =>
        (await workerConnections(target)).some(({ state, writing }) => writing && state === "idle in transaction"),
      "the import is halfway",
    );
    await operation.kill(target);
    assert.deepEqual(await tableDigests(target), before);
    assert.equal((await runWorkerWithInput(target, ["import"], text)).code, 0);
    await assertVerifiesClean(target);
    assert.ok((await runWorkerOk(target, "export")) === text);
  });
});
