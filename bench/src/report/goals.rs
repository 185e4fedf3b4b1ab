//! The goals, and whether the results reach them.

use crate::results::Outcome;

/// What a goal measures.
pub enum Measure {
    /// Target, figure: the median of the runs.
    Figure(&'static str, &'static str),
    /// Target, the other target, figure: the median of the ratios of paired runs.
    Ratio(&'static str, &'static str, &'static str),
}

pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

pub struct Goal {
    pub scenario: &'static str,
    pub what: &'static str,
    pub measure: Measure,
    pub bound: Bound,
    pub unit: &'static str,
}

impl Goal {
    pub fn value(&self, outcome: &Outcome) -> Option<f64> {
        match self.measure {
            Measure::Figure(target, figure) => outcome.series(target)?.median.get(figure).copied(),
            Measure::Ratio(over, under, figure) => outcome.ratio((over, figure), (under, figure)),
        }
    }

    pub fn is_reached(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => value >= bound,
            Bound::AtMost(bound) => value <= bound,
        }
    }

    /// The bound in words.
    pub fn bound(&self) -> String {
        let (words, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at least", bound),
            Bound::AtMost(bound) => ("at most", bound),
        };
        format!("{words} {bound}{}", self.unit)
    }
}

const SELF: &str = "syncscript";

const fn goal(scenario: &'static str, what: &'static str, measure: Measure, bound: Bound, unit: &'static str) -> Goal {
    Goal { scenario, what, measure, bound, unit }
}

pub const GOALS: &[Goal] = {
    use Bound::{AtLeast, AtMost};
    use Measure::{Figure, Ratio};
    &[
        goal(
            "mutations",
            "mutations/s, relative to pgbench's transactions/s",
            Ratio(SELF, "pgbench", "mutations_per_s"),
            AtLeast(0.5),
            "",
        ),
        goal(
            "mutations",
            "mutations/s, relative to (a)",
            Ratio(SELF, "peer-plan", "mutations_per_s"),
            AtLeast(1.5),
            "",
        ),
        goal(
            "mutations",
            "mutations/s, relative to (b)",
            Ratio(SELF, "peer-outbox", "mutations_per_s"),
            AtLeast(3.0),
            "",
        ),
        goal(
            "hot-vault",
            "mutations/s in one vault, relative to pgbench in one vault",
            Ratio(SELF, "pgbench", "mutations_per_s"),
            AtLeast(0.5),
            "",
        ),
        goal("fanout", "delivery p50, relative to (a)", Ratio(SELF, "peer-plan", "delivery_p50_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p99, relative to (a)", Ratio(SELF, "peer-plan", "delivery_p99_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p50, relative to (b)", Ratio(SELF, "peer-outbox", "delivery_p50_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p99, relative to (b)", Ratio(SELF, "peer-outbox", "delivery_p99_ms"), AtMost(0.5), ""),
        goal("spread", "delivery p99", Figure(SELF, "delivery_p99_ms"), AtMost(10.0), " ms"),
        goal("spread", "delivery p99, relative to (b)", Ratio(SELF, "peer-outbox", "delivery_p99_ms"), AtMost(0.5), ""),
        goal(
            "delivery-cost",
            "processor time per delivery, relative to (a)",
            Ratio(SELF, "peer-plan", "server_us_per_delivery"),
            AtMost(0.35),
            "",
        ),
        goal(
            "delivery-cost",
            "processor time per delivery, relative to bare socketioxide",
            Ratio(SELF, "bare-socketioxide", "server_us_per_delivery"),
            AtMost(1.3),
            "",
        ),
        goal("memory", "memory per idle socket", Figure(SELF, "rss_per_socket_kib"), AtMost(25.0), " KiB"),
        goal("memory", "time until all have joined", Figure(SELF, "join_all_s"), AtMost(20.0), " s"),
        goal("memory", "share of memory kept after all have left", Figure(SELF, "rss_kept_share"), AtMost(0.5), ""),
        goal("storm", "time until all are live again", Figure(SELF, "live_again_all_ms"), AtMost(2000.0), " ms"),
        goal(
            "storm",
            "delivery p99 of other subscribers during the storm",
            Figure(SELF, "others_p99_ms"),
            AtMost(100.0),
            " ms",
        ),
        goal("quiet", "processor time of server and PostgreSQL", Figure(SELF, "cpu_share"), AtMost(0.02), " cores"),
        goal(
            "growth",
            "mutations/s, relative to a small log",
            Ratio("large-log", "small-log", "mutations_per_s"),
            AtLeast(0.9),
            "",
        ),
        goal(
            "growth",
            "catch-up, relative to a small log",
            Ratio("large-log", "small-log", "catch_up_events_per_s"),
            AtLeast(0.9),
            "",
        ),
        goal("cold-start", "time until ready", Figure(SELF, "ready_ms"), AtMost(1000.0), " ms"),
    ]
};
