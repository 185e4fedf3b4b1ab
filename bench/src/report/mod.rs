//! docs/performance.md and its charts, from the JSON files.

mod goals;
mod svg;
mod text;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::goals::GOALS;
use self::text::{SECTIONS, Section, label};
use crate::results::{Outcome, Series};

/// Where what was found is written down by hand: why a goal is not reached, what was tried, what comes next.
const NOTES: &str = "notes.md";

/// Writes the report. Scenarios without a file are left out.
pub fn write(results: &Path, docs: &Path) -> Result<()> {
    let mut found = Vec::new();
    for section in SECTIONS {
        let path = results.join(format!("{}.json", section.scenario));
        if path.exists() {
            found.push((section, Outcome::read(&path)?));
        }
    }
    ensure!(!found.is_empty(), "there are no results in {}: run scripts/bench first", results.display());
    let charts = docs.join("performance");
    fs::create_dir_all(&charts).with_context(|| format!("{} cannot be made", charts.display()))?;
    let mut page = text::INTRODUCTION.to_owned();
    if found.iter().any(|(_, outcome)| outcome.quick) {
        page += "**A quick run, to see that it works: these figures say nothing.**\n\n";
    }
    page += &reached(&found);
    if let Ok(notes) = fs::read_to_string(results.join(NOTES)) {
        page += &format!("{}\n\n", notes.trim());
    }
    for (section, outcome) in &found {
        page += &scenario(section, outcome, &charts)?;
    }
    page += text::METHOD;
    page += &machine(&found);
    let path = docs.join("performance.md");
    fs::write(&path, page.trim_end().to_owned() + "\n").with_context(|| format!("{} cannot be written", path.display()))
}

fn reached(found: &[(&Section, Outcome)]) -> String {
    let mut table = "## Goals\n\n| | goal | reached | |\n|---|---|---|---|\n".to_owned();
    for goal in GOALS {
        let outcome = found.iter().find(|(section, _)| section.scenario == goal.scenario);
        let Some(value) = outcome.and_then(|(_, outcome)| goal.value(outcome)) else { continue };
        let verdict = if goal.is_reached(value) { "yes" } else { "**no**" };
        let (what, bound, value, unit) = (goal.what, goal.bound(), number(value), goal.unit);
        let _ = writeln!(table, "| {}: {what} | {bound} | {value}{unit} | {verdict} |", goal.scenario);
    }
    table + "\n(a) and (b) are peers, described [below](#how-it-is-measured).\n\n"
}

fn scenario(section: &Section, outcome: &Outcome, charts: &Path) -> Result<String> {
    let mut page = format!("## {}\n\n{}\n\n{}\n\n", section.title, section.about, sizes(outcome));
    let columns: Vec<_> = section
        .columns
        .iter()
        .filter(|(figure, _)| outcome.targets.iter().any(|series| series.median.contains_key(*figure)))
        .collect();
    let headings: Vec<&str> = columns.iter().map(|(_, heading)| *heading).collect();
    let _ = writeln!(page, "| | {} |\n|---|{}", headings.join(" | "), "---:|".repeat(columns.len()));
    for series in &outcome.targets {
        let cells: Vec<String> = columns.iter().map(|(figure, _)| cell(series, figure)).collect();
        let _ = writeln!(page, "| {} | {} |", label(&series.name), cells.join(" | "));
    }
    page.push('\n');
    for figure in section.charts {
        let heading = section.columns.iter().find(|(name, _)| name == figure).map_or(*figure, |(_, heading)| heading);
        let rows =
            outcome.targets.iter().filter_map(|series| Some((label(&series.name), *series.median.get(*figure)?)));
        let title = format!("{}: {heading}", section.title);
        let name = format!("{}-{}.svg", section.scenario, figure.replace('_', "-"));
        fs::write(charts.join(&name), svg::bars(&title, &rows.collect::<Vec<_>>()))?;
        let _ = writeln!(page, "![{title}](performance/{name})\n");
    }
    Ok(page)
}

fn cell(series: &Series, figure: &str) -> String {
    series.median.get(figure).map_or_else(|| "–".to_owned(), |value| number(*value))
}

fn sizes(outcome: &Outcome) -> String {
    let setting = |name: &str| outcome.settings.get(name).copied().unwrap_or(0.0);
    let mut sizes = vec![
        format!("Runs: {}", setting("runs")),
        format!("{} s each", setting("seconds")),
        format!("{} clients", setting("clients")),
        format!("{} vaults", setting("vaults")),
    ];
    if ["fanout", "spread", "delivery-cost", "storm"].contains(&outcome.scenario.as_str()) {
        sizes.push(format!("{} mutations/s", setting("mutationsPerS")));
    }
    if outcome.scenario == "cold-start" {
        sizes.truncate(1);
    }
    sizes.join(", ") + "."
}

fn machine(found: &[(&Section, Outcome)]) -> String {
    let mut page = "## Machine and versions\n\n| | |\n|---|---|\n".to_owned();
    let Some((_, outcome)) = found.first() else { return page };
    for (name, value) in &outcome.machine {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    page
}

/// Three digits that count, and no more.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => {
            let digits = format!("{value:.0}");
            let first = digits.len() % 3;
            let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
            let mut parts: Vec<String> = groups.map(|group| group.into_owned()).collect();
            if first > 0 {
                parts.insert(0, digits[..first].to_owned());
            }
            // A narrow space that does not break.
            parts.join("\u{202f}")
        }
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [1_234_567.8, 123.4, 99.96, 1.5, 0.0123].map(number).into();
        assert_eq!(shown, ["1\u{202f}234\u{202f}568", "123", "100.0", "1.50", "0.0123"]);
    }

    #[test]
    fn every_goal_belongs_to_a_section() {
        for goal in GOALS {
            assert!(SECTIONS.iter().any(|section| section.scenario == goal.scenario), "{}", goal.what);
        }
    }
}
