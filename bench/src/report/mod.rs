//! Writes docs/performance.md and its charts from the JSON files.

mod goals;
mod number;
mod svg;
mod text;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use self::goals::GOALS;
use self::number::format_number;
use self::text::{SECTIONS, Section, label};
use crate::results::{Outcome, Series};

/// The handwritten part of the report: why a goal is missed, what was tried, what comes next.
const NOTES: &str = "notes.md";

/// Writes the report, without the scenarios that have no file.
///
/// # Errors
/// If there are no results, or if a file cannot be read or written.
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
    fs::create_dir_all(&charts).with_context(|| format!("cannot create {}", charts.display()))?;
    let mut page = text::INTRODUCTION.to_owned();
    if found.iter().any(|(_, outcome)| outcome.quick) {
        page += "**This is a quick run, which only shows that the benchmark works. Its figures mean nothing.**\n\n";
    }
    page += &goals_table(&found);
    if let Ok(notes) = fs::read_to_string(results.join(NOTES)) {
        page += &format!("{}\n\n", notes.trim());
    }
    for (section, outcome) in &found {
        page += &scenario_section(section, outcome, &charts)?;
    }
    page += text::METHOD;
    page += &machine_table(&found);
    let path = docs.join("performance.md");
    fs::write(&path, page.trim_end().to_owned() + "\n").with_context(|| format!("cannot write {}", path.display()))
}

fn goals_table(found: &[(&Section, Outcome)]) -> String {
    let mut table = "## Goals\n\n| | goal | reached | |\n|---|---|---|---|\n".to_owned();
    for goal in GOALS {
        let outcome = found.iter().find(|(section, _)| section.scenario == goal.scenario);
        let Some(value) = outcome.and_then(|(_, outcome)| goal.value(outcome)) else { continue };
        let verdict = if goal.is_reached(value) { "yes" } else { "**no**" };
        let (what, bound, value, unit) = (goal.what, goal.bound(), format_number(value), goal.unit);
        let _ = writeln!(table, "| {}: {what} | {bound} | {value}{unit} | {verdict} |", goal.scenario);
    }
    table + "\n(a) and (b) are peers, described [below](#how-it-is-measured).\n\n"
}

fn scenario_section(section: &Section, outcome: &Outcome, charts: &Path) -> Result<String> {
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
    series.median.get(figure).map_or_else(|| "–".to_owned(), |value| format_number(*value))
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

fn machine_table(found: &[(&Section, Outcome)]) -> String {
    let mut page = "## Machine and versions\n\n| | |\n|---|---|\n".to_owned();
    let Some((_, outcome)) = found.first() else { return page };
    for (name, value) in &outcome.machine {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_belongs_to_a_section() {
        for goal in GOALS {
            assert!(SECTIONS.iter().any(|section| section.scenario == goal.scenario), "{}", goal.what);
        }
    }
}
