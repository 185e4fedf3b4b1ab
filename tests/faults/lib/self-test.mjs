// Shows that the checks can fail: each check gets a copy of the run's results with one defect, and must find it.

import { checkDeliveries } from "./check/deliveries.mjs";
import { checkFold, checkLog } from "./check/logs.mjs";
import { checkResponses } from "./check/responses.mjs";

const count = (violations) => Object.values(violations).reduce((sum, n) => sum + n, 0);

/** The position of two consecutive events in the middle of the record. */
function middle(entries) {
  const from = Math.floor(entries.length / 2);
  const at = entries.findIndex(({ event }, i) => i >= from && event && entries[i + 1]?.event);
  if (at < 0) throw new Error("the record has no two consecutive events to damage");
  return at;
}

/** Each entry names the violation that must be found, and damages a copy of a record's entries in place. */
const BROKEN_RECORDS = {
  "a missing event": ["lost", (entries, at) => entries.splice(at, 1)],
  "ten missing events": ["lost", (entries, at) => entries.splice(at - 5, 10)],
  "a missing last event": ["lost", (entries) => entries.pop()],
  "an event delivered twice": ["duplicate", (entries, at) => entries.splice(at, 0, { ...entries[at] })],
  "an old event delivered again": ["disorder", (entries, at) => entries.splice(at, 0, { ...entries[at - 7] })],
  "two events in the wrong order": ["disorder", (entries, at) => entries.splice(at, 2, entries[at + 1], entries[at])],
  "a changed payload": ["altered", (entries, at) => entries.splice(at, 1, { ...entries[at], digest: "other" })],
  "an invented event": [
    "not in the log",
    (entries) => entries.push({ ...entries.at(-1), seq: entries.at(-1).seq + 1, eventId: "invented" }),
  ],
  "a different event at this seq": [
    "not in the log",
    (entries, at) => entries.splice(at, 1, { ...entries[at], eventId: "other" }),
  ],
  "an unexpected reload": [
    "resync",
    (entries, at) => entries.splice(at, 0, { event: false, seq: entries[at - 1].seq, at: entries[at].at }),
  ],
};

const BROKEN_LOGS = {
  "a gap in the log": [checkLog, (log, at) => log.rows.splice(at, 1)],
  "a missing newest row": [checkLog, (log) => log.rows.pop()],
  "a duplicate event id": [checkLog, (log, at) => change(log.rows, at, { eventId: log.rows[at - 1].eventId })],
  "a row missing from a table": [checkFold, (log) => log.projection.sources.pop()],
  "an extra member": [checkFold, (log) => log.projection.members.push(log.projection.members[0])],
  "a change applied twice": [
    checkFold,
    (log) => log.rows.push(log.rows.findLast(({ type }) => type === "source:updated")),
  ],
  "a change by an actor without the role": [
    checkFold,
    (log, at) => {
      const { payload } = log.rows[at];
      change(log.rows, at, { payload: { ...payload, actor: { ...payload.actor, userId: "nobody" } } });
    },
  ],
};

const change = (rows, at, what) => rows.splice(at, 1, { ...rows[at], ...what });

/** Returns results in the form of all checks, `{name, problems}`; `problems` is empty if the defect was found. */
export function selfTest({ record, userId, log, vaultId, answers, lossyRecord }) {
  const results = [];
  const test = (name, found, detail = "") =>
    results.push({ name: `self-test: the checks find ${name}`, problems: found ? [] : [`not found ${detail}`] });
  const finalSeq = log.head;
  for (const [name, [kind, damage]] of Object.entries(BROKEN_RECORDS)) {
    const entries = [...record.entries];
    damage(entries, middle(entries));
    const { violations } = checkDeliveries({ ...record, entries }, log.rows, { userId, finalSeq });
    test(name, violations[kind] > 0, JSON.stringify(violations));
  }
  for (const [name, [check, damage]] of Object.entries(BROKEN_LOGS)) {
    const copy = { ...log, rows: [...log.rows], projection: { ...log.projection } };
    for (const part of ["members", "sources"]) copy.projection[part] = [...log.projection[part]];
    damage(copy, Math.floor(copy.rows.length / 2));
    test(name, check(copy).length > 0);
  }
  testAnswers(test, log, vaultId, answers);
  testRights(test, record, userId, log);
  const { violations } = checkDeliveries(lossyRecord, log.rows, { userId, finalSeq });
  const summary = `${violations.lost} of ${lossyRecord.lost} lost, ${violations.duplicate} of ${lossyRecord.doubled} duplicated`;
  const exact =
    violations.lost === lossyRecord.lost && violations.duplicate === lossyRecord.doubled && lossyRecord.lost > 0;
  test(
    `the defects of the lossy subscriber (${summary})`,
    exact && count(violations) === lossyRecord.lost + lossyRecord.doubled,
  );
  return results;
}

function testAnswers(test, log, vaultId, answers) {
  const last = [...answers.applied.values()].filter((entry) => entry.vaultId === vaultId).at(-1);
  const check = (changed, rows = log.rows) =>
    checkResponses({ rows }, vaultId, { ...answers, ...changed }).problems.length > 0;
  test("an acknowledged mutation that is not in the log", check({}, log.rows.slice(0, last.seq - 1)));
  const without = new Map(answers.applied);
  without.delete(last.key);
  test("an event that no response acknowledged", check({ applied: without }));
  const doubled = new Map(answers.applied).set("other", { ...last, key: "other" });
  test("one event acknowledged twice", check({ applied: doubled }));
  const row = log.rows.find(({ seq, type }) => seq > answers.base && type === "source:created");
  const once = [...answers.applied.values()].find((entry) => entry.plain && entry.vaultId === vaultId);
  const withoutOnce = new Map(answers.applied);
  withoutOnce.delete(once.key);
  const unknown = new Map(answers.unknown).set(once.key, once);
  test("no problem in a mutation applied without a response", !check({ applied: withoutOnce, unknown }));
  const other = new Map(unknown).set(once.key, { ...once, actorId: "nobody" });
  test("another user's event with the same key", check({ applied: withoutOnce, unknown: other }));
  test("a key applied twice", check({}, [...log.rows, { ...row, seq: log.head + 1 }]));
}

/** I6: the same record, checked as that of a member who was removed in the middle. */
function testRights(test, record, userId, log) {
  const at = Math.floor(log.rows.length / 2);
  const removal = { ...log.rows[at], type: "member:removed", payload: { userId } };
  const removed = [...log.rows];
  removed.splice(at, 1, removal);
  const countForbidden = (rows) =>
    checkDeliveries(record, rows, { userId, finalSeq: log.head }).violations.forbidden ?? 0;
  test("an event delivered to a removed member", countForbidden(removed) > 0);
  const back = { ...removal, type: "member:added", payload: { member: { userId } }, at: Date.now() + 1_000 };
  removed.splice(at + 1, 1, back);
  test("an event delivered before its reader was added again", countForbidden(removed) > 0);
}
