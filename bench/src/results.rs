//! Results: one JSON file per scenario, with every run of every target and the medians.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The figures of one run by name. A name ends in its unit.
pub type Figures = BTreeMap<String, f64>;

/// The file of one scenario.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub scenario: String,
    /// Whether this was a short run, which only shows that the benchmark works. Its figures must not be published.
    pub quick: bool,
    /// Processor, kernel, versions.
    pub machine: BTreeMap<String, String>,
    /// The sizes of the load.
    pub settings: BTreeMap<String, f64>,
    pub targets: Vec<Series>,
}

/// The runs of one target. Run i of every target forms a pair with run i of the others.
#[derive(Debug, Serialize, Deserialize)]
pub struct Series {
    pub name: String,
    pub runs: Vec<Figures>,
    pub median: Figures,
}

impl Series {
    pub fn new(name: String) -> Self {
        Self { name, runs: Vec::new(), median: Figures::new() }
    }

    pub fn add(&mut self, run: Figures) {
        self.runs.push(run);
        let names = self.runs.iter().flat_map(|run| run.keys().cloned());
        self.median = names.filter_map(|name| Some((name.clone(), median(self.values(&name))?))).collect();
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.runs.iter().filter_map(|run| run.get(name).copied()).collect()
    }
}

impl Outcome {
    pub fn series(&self, target: &str) -> Option<&Series> {
        self.targets.iter().find(|series| series.name == target)
    }

    /// Returns the median of the ratios of paired runs. `over` and `under` are pairs of target and figure.
    pub fn ratio(&self, over: (&str, &str), under: (&str, &str)) -> Option<f64> {
        let (over, under) = (self.series(over.0)?.values(over.1), self.series(under.0)?.values(under.1));
        median(over.iter().zip(&under).filter(|(_, under)| **under > 0.0).map(|(over, under)| over / under).collect())
    }

    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a result file", path.display()))
    }

    pub fn write(&self, directory: &Path) -> Result<()> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join(format!("{}.json", self.scenario));
        std::fs::write(&path, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Returns the middle value, or the mean of the two middle values.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (last, half) = (values.len().checked_sub(1)?, values.len() / 2);
    Some(f64::midpoint(values[last / 2], values[half]))
}

/// Collects figures, except for values that are not finite, such as a share of zero.
pub fn figures<const N: usize>(pairs: [(&str, f64); N]) -> Figures {
    pairs.into_iter().filter(|(_, value)| value.is_finite()).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_medians_over_paired_runs() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
        let mut targets = vec![Series::new("a".to_owned()), Series::new("b".to_owned())];
        for (over, under) in [(2.0, 1.0), (9.0, 3.0), (4.0, 1.0)] {
            targets[0].add(figures([("x", over)]));
            targets[1].add(figures([("x", under)]));
        }
        let (scenario, quick) = ("s".to_owned(), false);
        let outcome = Outcome { scenario, quick, machine: BTreeMap::new(), settings: BTreeMap::new(), targets };
        assert_eq!(outcome.ratio(("a", "x"), ("b", "x")), Some(3.0));
    }
}
