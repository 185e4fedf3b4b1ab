// Shows that the checks can fail: each is given a copy of what the run left, with one thing broken, and must say so.
import { checkAnswers } from "./check/answers.mjs";
import { checkFold, checkLog } from "./check/logs.mjs";
import { checkRecord } from "./check/record.mjs";

const count = (violations) => Object.values(violations).reduce((sum, n) => sum + n, 0);

/** Positions of two events in a row, in the middle of the record. */
function middle(entries) {
  const from = Math.floor(entries.length / 2);
  const at = entries.findIndex(({ event }, i) => i >= from && event && entries[i + 1]?.event);
  if (at < 0) throw new Error("a record without two events in a row proves nothing");
  return at;
}

/** Each breaks a copy of a record's entries in place, and names the violation that must be found. */
const BROKEN_RECORDS = {
  "an event left out": ["lost", (entries, at) => entries.splice(at, 1)],
  "ten events left out": ["lost", (entries, at) => entries.splice(at - 5, 10)],
  "the last event left out": ["lost", (entries) => entries.pop()],
  "an event handed over twice": ["duplicate", (entries, at) => entries.splice(at, 0, { ...entries[at] })],
  "an old event again": ["disorder", (entries, at) => entries.splice(at, 0, { ...entries[at - 7] })],
  "two events in the wrong order": ["disorder", (entries, at) => entries.splice(at, 2, entries[at + 1], entries[at])],
  "a payload changed": ["altered", (entries, at) => entries.splice(at, 1, { ...entries[at], digest: "other" })],
  "an event that never was": [
    "not in the log",
    (entries) => entries.push({ ...entries.at(-1), seq: entries.at(-1).seq + 1, eventId: "invented" }),
  ],
  "another event under this seq": [
    "not in the log",
    (entries, at) => entries.splice(at, 1, { ...entries[at], eventId: "other" }),
  ],
  "a reload that nobody asked for": [
    "resync",
    (entries, at) => entries.splice(at, 0, { event: false, seq: entries[at - 1].seq, at: entries[at].at }),
  ],
};

const BROKEN_LOGS = {
  "a hole in the log": [checkLog, (log, at) => log.rows.splice(at, 1)],
  "the newest row gone": [checkLog, (log) => log.rows.pop()],
  "an event id twice": [checkLog, (log, at) => change(log.rows, at, { eventId: log.rows[at - 1].eventId })],
  "a row missing from the table": [checkFold, (log) => log.projection.sources.pop()],
  "a member too many": [checkFold, (log) => log.projection.members.push(log.projection.members[0])],
  "a change applied twice": [
    checkFold,
    (log) => log.rows.push(log.rows.findLast(({ type }) => type === "source:updated")),
  ],
  "an act of one without the role": [
    checkFold,
    (log, at) => {
      const { payload } = log.rows[at];
      change(log.rows, at, { payload: { ...payload, actor: { ...payload.actor, userId: "nobody" } } });
    },
  ],
};

const change = (rows, at, what) => rows.splice(at, 1, { ...rows[at], ...what });

/** Results as of all checks: `{name, wrong}`, `wrong` empty if the broken thing was found. */
export function selfTest({ record, userId, log, vaultId, answers, leaky }) {
  const results = [];
  const test = (name, found, detail = "") =>
    results.push({ name: `self-test: ${name} is found`, wrong: found ? [] : [`was not found ${detail}`] });
  const upto = log.head;
  for (const [name, [kind, damage]] of Object.entries(BROKEN_RECORDS)) {
    const entries = [...record.entries];
    damage(entries, middle(entries));
    const { violations } = checkRecord({ ...record, entries }, log.rows, { userId, upto });
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
  const { violations } = checkRecord(leaky, log.rows, { userId, upto });
  const told = `${violations.lost} lost, ${violations.duplicate} twice, of ${leaky.lost} and ${leaky.doubled}`;
  const exact = violations.lost === leaky.lost && violations.duplicate === leaky.doubled && leaky.lost > 0;
  test(
    `what the leaky subscriber lost and doubled (${told})`,
    exact && count(violations) === leaky.lost + leaky.doubled,
  );
  return results;
}

function testAnswers(test, log, vaultId, answers) {
  const last = [...answers.applied.values()].filter((entry) => entry.vaultId === vaultId).at(-1);
  const check = (changed, rows = log.rows) =>
    checkAnswers({ rows }, vaultId, { ...answers, ...changed }).wrong.length > 0;
  test("an acknowledged mutation that is not in the log", check({}, log.rows.slice(0, last.seq - 1)));
  const without = new Map(answers.applied);
  without.delete(last.key);
  test("a mutation that nobody was told of", check({ applied: without }));
  const doubled = new Map(answers.applied).set("other", { ...last, key: "other" });
  test("one event acknowledged to two", check({ applied: doubled }));
  const row = log.rows.find(({ seq, type }) => seq > answers.base && type === "source:created");
  const once = [...answers.applied.values()].find((entry) => entry.plain && entry.vaultId === vaultId);
  const unanswered = new Map(answers.applied);
  unanswered.delete(once.key);
  const unknown = new Map(answers.unknown).set(once.key, once);
  test("what was done without an answer may be there", !check({ applied: unanswered, unknown }));
  const other = new Map(unknown).set(once.key, { ...once, actorId: "nobody" });
  test("what somebody else did under that name", check({ applied: unanswered, unknown: other }));
  test("a key applied twice", check({}, [...log.rows, { ...row, seq: log.head + 1 }]));
}

/** I6: the same record, read as that of one who was removed in the middle. */
function testRights(test, record, userId, log) {
  const at = Math.floor(log.rows.length / 2);
  const removal = { ...log.rows[at], type: "member:removed", payload: { userId } };
  const removed = [...log.rows];
  removed.splice(at, 1, removal);
  const verdict = (rows) => checkRecord(record, rows, { userId, upto: log.head }).violations.forbidden ?? 0;
  test("an event handed to one who was removed", verdict(removed) > 0);
  const back = { ...removal, type: "member:added", payload: { member: { userId } }, at: Date.now() + 1_000 };
  removed.splice(at + 1, 1, back);
  test("an event handed over before its reader was taken in again", verdict(removed) > 0);
}
