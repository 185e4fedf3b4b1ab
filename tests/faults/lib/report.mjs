// What a run says: a line for each thing that happens, and tables at the end.
const started = performance.now();

/** One line, with the seconds since the start. */
export function say(text) {
  console.log(`[${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s] ${text}`);
}

export const median = (numbers) => quantile(numbers, 0.5);
export const worst = (numbers) => Math.max(...numbers);
const quantile = (numbers, q) => [...numbers].sort((a, b) => a - b)[Math.floor(q * (numbers.length - 1))];

/** Milliseconds, or nothing. */
export const ms = (number) => (Number.isFinite(number) ? `${Math.round(number)} ms` : "-");

/** Two columns or more, the first flush left, the others flush right. */
export function table(title, rows) {
  console.log(`\n${title}`);
  if (rows.length === 0) return;
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)));
  for (const row of rows) {
    const cells = row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i])));
    console.log(`  ${cells.join("   ").trimEnd()}`);
  }
}

/** Kinds of faults with how often each was injected, and how long recovery took where it came alone. */
export function tableOfFaults(storm) {
  const rows = [["fault", "injected", "median", "worst"]];
  for (const [kind, count] of [...storm.counts].sort(([a], [b]) => a.localeCompare(b))) {
    const alone = storm.rounds.filter(({ kinds, took }) => took && kinds.length === 1 && kinds[0] === kind);
    const times = alone.map(({ took }) => took.events);
    rows.push([kind, count, ms(median(times)), ms(worst(times))]);
  }
  table("Faults, and milliseconds from the end of one that came alone until everyone had every event", rows);
}

/** Prints what failed; then the closing line. True if nothing failed. */
export function verdict(results) {
  const failed = results.filter(({ wrong }) => wrong.length > 0);
  if (failed.length > 0) console.log("\nFailures");
  for (const { name, wrong } of failed) {
    console.log(`  FAILED ${name}`);
    for (const line of wrong.slice(0, 10)) console.log(`    ${line.split("\n").join("\n    ")}`);
    if (wrong.length > 10) console.log(`    and ${wrong.length - 10} more`);
  }
  console.log(`\n${results.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0;
}
