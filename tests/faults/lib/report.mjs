// The output of a run: a line for each step, and tables at the end.
const started = performance.now();

/** Prints one line with the seconds since the start. */
export function print(text) {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s] ${text}`);
}

export const median = (numbers) => quantile(numbers, 0.5);
export const worst = (numbers) => Math.max(...numbers);
const quantile = (numbers, q) => [...numbers].sort((a, b) => a - b)[Math.floor(q * (numbers.length - 1))];

/** Formats milliseconds; "-" if there is no number. */
export const ms = (number) => (Number.isFinite(number) ? `${Math.round(number)} ms` : "-");

/** Prints a table with two or more columns: the first is left-aligned, the others are right-aligned. */
export function table(title, rows) {
  console.log(`\n${title}`);
  if (rows.length === 0) return;
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])));
    console.log(`  ${cells.join("   ").trimEnd()}`);
  }
}

/** Prints how often each kind of fault was injected, and how long recovery took when it was injected alone. */
export function faultTable(injector) {
  const rows = [["fault", "injected", "median", "worst"]];
  for (const [kind, count] of [...injector.counts].sort(([a], [b]) => a.localeCompare(b))) {
    const alone = injector.rounds.filter(({ kinds, took }) => took && kinds.length === 1 && kinds[0] === kind);
    const times = alone.map(({ took }) => took.events);
    rows.push([kind, count, ms(median(times)), ms(worst(times))]);
  }
  table("Faults, and the time from the end of a single fault until every member had every event", rows);
}

/** Prints the failures and the summary line. Returns whether nothing failed. */
export function printSummary(results) {
  const failed = results.filter(({ problems }) => problems.length > 0);
  if (failed.length > 0) console.log("\nFailures");
  for (const { name, problems } of failed) {
    console.log(`  FAILED ${name}`);
    for (const line of problems.slice(0, 10)) console.log(`    ${line.split("\n").join("\n    ")}`);
    if (problems.length > 10) console.log(`    and ${problems.length - 10} more`);
  }
  console.log(`\n${results.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0;
}
