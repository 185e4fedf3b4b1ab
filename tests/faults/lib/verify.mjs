// All checks of a run, made when nobody writes any more. Each result is `{name, problems}`; any problem fails the run.

import { checkDeliveries, VIOLATIONS } from "./check/deliveries.mjs";
import { checkFold, checkLog, readLogs } from "./check/logs.mjs";
import { checkResponses, readStoredResponses } from "./check/responses.mjs";
import { selfTest } from "./self-test.mjs";

/**
 * `scenarios` are the results of catchup.mjs and resync.mjs. Returns `{results, sums}`. The sums are over all records of
 * the fault phase: by kind of violation, `expected`, `seen`, `responseLost` (mutations applied by an attempt whose
 * response was lost), `late` and `found` (see `checkResponses`).
 */
export async function verify(world, scenarios) {
  const results = [];
  const add = (name, problems) => results.push({ name, problems });
  const sums = Object.fromEntries(
    [...VIOLATIONS, "expected", "seen", "responseLost", "late", "found"].map((name) => [name, 0]),
  );
  const logs = await readLogs(world.database, [...world.vaultIds, ...scenarios.map(({ vaultId }) => vaultId)]);
  const stored = await readStoredResponses(world.database);
  const { applied, rejected, unknown, filled } = world.history;

  for (const [i, vaultId] of world.vaultIds.entries()) {
    const log = logs.get(vaultId);
    const base = world.base.get(vaultId);
    add(`I2: vault ${i}: the log has no gap`, checkLog(log));
    add(`I7: vault ${i}: the log folds to the tables, and every actor had the required role`, checkFold(log));
    const answers = { applied, rejected, unknown, base, filled: filled.get(vaultId), stored };
    sums.responseLost += [...applied.values()].filter(
      (entry) => entry.vaultId === vaultId && isResponseLost(entry, log),
    ).length;
    const { problems, late, found } = checkResponses(log, vaultId, answers);
    sums.late += late;
    sums.found += found;
    add(`I9: vault ${i}: the log has every acknowledged mutation once, and nothing else`, problems);
  }
  for (const { subscriber, vaultId, userId, isMember } of world.memberships) {
    const { head, rows } = logs.get(vaultId);
    const record = subscriber.records.get(vaultId);
    const outcome = checkDeliveries(record, rows, { userId, finalSeq: isMember ? head : undefined });
    for (const name of VIOLATIONS) sums[name] += outcome.violations[name] ?? 0;
    sums.expected += outcome.expected;
    sums.seen += outcome.seen;
    const name = `${record.name}, vault ${world.vaultIds.indexOf(vaultId)}`;
    add(`I3, I4, I6: ${name}: every event once and in order (${outcome.seen} events)`, explain(outcome));
  }
  for (const { record, userId, vaultId, resyncs } of scenarios) {
    const { head, rows } = logs.get(vaultId);
    const outcome = checkDeliveries(record, rows, { userId, finalSeq: head, resyncs: resyncs > 0 });
    const problems = explain(outcome);
    if (record.resyncs !== (resyncs ?? 0)) problems.push(`${record.resyncs} reloads instead of ${resyncs ?? 0}`);
    if (resyncs && outcome.skipped === 0) problems.push("no event was skipped");
    add(`I4: ${record.name}: complete (${outcome.seen} events, ${outcome.skipped} skipped by reload)`, problems);
  }
  add(
    "I3: no client received a gap or a duplicate from the server",
    world.subscribers
      .filter(({ counters: { gaps, duplicates } }) => gaps + duplicates > 0)
      .map(({ name, counters }) => `${name}: ${JSON.stringify(counters)}`),
  );
  add("all responses are correct", world.history.defects);
  add(
    "every mutation got a response",
    [...world.history.unanswered.keys()].map((key) => `${key} got no response`),
  );
  add(
    "the suite's own handlers did not throw",
    world.subscribers.flatMap(({ name, errors }) => errors.map((error) => `${name}: ${error.stack}`)),
  );
  add(
    "no server exited unexpectedly or panicked",
    world.servers.flatMap((node) => [...node.defects, ...node.logLines(/panicked at/)]),
  );
  add(
    "no server found a gap in the log",
    world.servers.flatMap((node) => node.logLines(/has a gap/)),
  );

  const membership = world.memberships.find((one) =>
    one.subscriber.records.get(one.vaultId).extraRecords.includes(world.lossyRecord),
  );
  const { vaultId, userId } = membership;
  results.push(
    ...selfTest({
      record: membership.subscriber.records.get(vaultId),
      userId,
      vaultId,
      log: logs.get(vaultId),
      answers: { applied, rejected, unknown, base: world.base.get(vaultId), filled: filled.get(vaultId), stored },
      lossyRecord: world.lossyRecord,
    }),
  );
  return { results, sums };
}

const explain = ({ violations, examples }) =>
  Object.keys(violations).length > 0 ? [JSON.stringify(violations), ...examples] : [];

/** Whether the mutation was applied before the attempt that got the response began. */
const isResponseLost = ({ seq, sentAt }, { rows }) => rows[seq - 1]?.at < sentAt;
