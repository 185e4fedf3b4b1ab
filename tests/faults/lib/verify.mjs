// All checks of a run, once everything is quiet. Each result is `{name, wrong}`; what is wrong fails the run.
import { checkAnswers, readNotes } from "./check/answers.mjs";
import { checkFold, checkLog, readLogs } from "./check/logs.mjs";
import { checkRecord, VIOLATIONS } from "./check/record.mjs";
import { selfTest } from "./selftest.mjs";

/**
 * `scenarios` are results of catchup.mjs and resync.mjs. Returns `{results, sums}`: the sums over all records of the
 * storm, by kind of violation, `expected`, `seen`, `hidden`
 * (mutations applied by an attempt whose answer was lost), `late` and `found` (see `checkAnswers`).
 */
export async function verify(world, scenarios) {
  const results = [];
  const add = (name, wrong) => results.push({ name, wrong });
  const sums = Object.fromEntries([...VIOLATIONS, "expected", "seen", "hidden", "late", "found"].map((name) => [name, 0]));
  const logs = await readLogs(world.database, [...world.vaultIds, ...scenarios.map(({ vaultId }) => vaultId)]);
  const kept = await readNotes(world.database);
  const { applied, refused, unknown, filled } = world.ledger;

  for (const [i, vaultId] of world.vaultIds.entries()) {
    const log = logs.get(vaultId);
    const base = world.base.get(vaultId);
    add(`I2: vault ${i}: the log has no hole`, checkLog(log));
    add(`I7: vault ${i}: the log folds to the table, each event by one who might`, checkFold(log));
    const answers = { applied, refused, unknown, base, filled: filled.get(vaultId), kept };
    sums.hidden += [...applied.values()].filter((entry) => entry.vaultId === vaultId && isHidden(entry, log)).length;
    const { wrong, late, found } = checkAnswers(log, vaultId, answers);
    sums.late += late;
    sums.found += found;
    add(`I9: vault ${i}: what was acknowledged is in the log, once, and nothing else`, wrong);
  }
  for (const { follower, vaultId, userId, isMember } of world.seats) {
    const { head, rows } = logs.get(vaultId);
    const record = follower.records.get(vaultId);
    const outcome = checkRecord(record, rows, { userId, upto: isMember ? head : undefined });
    for (const name of VIOLATIONS) sums[name] += outcome.violations[name] ?? 0;
    sums.expected += outcome.expected;
    sums.seen += outcome.seen;
    const which = `${record.name}, vault ${world.vaultIds.indexOf(vaultId)}`;
    add(`I3, I4, I6: ${which}: the log, once and in order (${outcome.seen} events)`, explain(outcome));
  }
  for (const { record, userId, vaultId, resyncs } of scenarios) {
    const { head, rows } = logs.get(vaultId);
    const outcome = checkRecord(record, rows, { userId, upto: head, resyncs: resyncs > 0 });
    const wrong = explain(outcome);
    if (record.resyncs !== (resyncs ?? 0)) wrong.push(`${record.resyncs} reloads instead of ${resyncs ?? 0}`);
    if (resyncs && outcome.skipped === 0) wrong.push("nothing was skipped");
    add(`I4: ${record.name}: complete (${outcome.seen} events, ${outcome.skipped} skipped by reload)`, wrong);
  }
  add(
    "I3: no socket was sent a hole or a double, as far as the client helper had to mend any",
    world.followers
      .filter(({ counters: { gaps, duplicates } }) => gaps + duplicates > 0)
      .map(({ name, counters }) => `${name}: ${JSON.stringify(counters)}`),
  );
  add("answers are as they must be", world.ledger.defects);
  add(
    "nothing is left unanswered",
    [...world.ledger.unanswered.keys()].map((key) => `${key} was never answered`),
  );
  add(
    "the suite's own handlers threw nothing",
    world.followers.flatMap(({ name, errors }) => errors.map((error) => `${name}: ${error.stack}`)),
  );
  add(
    "servers neither ended by themselves nor panicked",
    world.servers.flatMap((node) => [...node.defects, ...node.said("panicked at")]),
  );
  add(
    "servers found no hole in the log",
    world.servers.flatMap((node) => node.said("has a hole")),
  );

  const seat = world.seats.find((one) => one.follower.records.get(one.vaultId).taps.includes(world.leaky));
  const { vaultId, userId } = seat;
  results.push(
    ...selfTest({
      record: seat.follower.records.get(vaultId),
      userId,
      vaultId,
      log: logs.get(vaultId),
      answers: { applied, refused, unknown, base: world.base.get(vaultId), filled: filled.get(vaultId), kept },
      leaky: world.leaky,
    }),
  );
  return { results, sums };
}

const explain = ({ violations, examples }) =>
  Object.keys(violations).length > 0 ? [JSON.stringify(violations), ...examples] : [];

/** Was it applied before the attempt that was answered began? */
const isHidden = ({ seq, sentAt }, { rows }) => rows[seq - 1]?.at < sentAt;
