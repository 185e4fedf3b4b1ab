//! What is to be reached, and whether it is.

use crate::results::Outcome;

/// A figure of one target, or of one over that of another.
pub enum Measure {
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
            "mutations/s, of pgbench's transactions/s",
            Ratio(SELF, "pgbench", "mutations_per_s"),
            AtLeast(0.5),
            "",
        ),
        goal("mutations", "mutations/s, times (a)", Ratio(SELF, "peer-plan", "mutations_per_s"), AtLeast(1.5), ""),
        goal("mutations", "mutations/s, times (b)", Ratio(SELF, "peer-outbox", "mutations_per_s"), AtLeast(3.0), ""),
        goal(
            "hot-vault",
            "mutations/s of one vault, of pgbench on one vault",
            Ratio(SELF, "pgbench", "mutations_per_s"),
            AtLeast(0.5),
            "",
        ),
        goal("fanout", "delivery p50, of (a)'s", Ratio(SELF, "peer-plan", "delivery_p50_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p99, of (a)'s", Ratio(SELF, "peer-plan", "delivery_p99_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p50, of (b)'s", Ratio(SELF, "peer-outbox", "delivery_p50_ms"), AtMost(0.5), ""),
        goal("fanout", "delivery p99, of (b)'s", Ratio(SELF, "peer-outbox", "delivery_p99_ms"), AtMost(0.5), ""),
        goal("spread", "delivery p99", Figure(SELF, "delivery_p99_ms"), AtMost(10.0), " ms"),
        goal("spread", "delivery p99, of (b)'s", Ratio(SELF, "peer-outbox", "delivery_p99_ms"), AtMost(0.5), ""),
        goal(
            "delivery-cost",
            "processor time of a delivery, of (a)'s",
            Ratio(SELF, "peer-plan", "server_us_per_delivery"),
            AtMost(0.35),
            "",
        ),
        goal(
            "delivery-cost",
            "processor time of a delivery, of bare socketioxide's",
            Ratio(SELF, "bare-socketioxide", "server_us_per_delivery"),
            AtMost(1.3),
            "",
        ),
        goal("memory", "memory of an idle socket", Figure(SELF, "rss_per_socket_kib"), AtMost(25.0), " KiB"),
        goal("memory", "all joined", Figure(SELF, "join_all_s"), AtMost(20.0), " s"),
        goal("memory", "memory kept when all have left", Figure(SELF, "rss_kept_share"), AtMost(0.5), ""),
        goal("storm", "all live again", Figure(SELF, "live_again_all_ms"), AtMost(2000.0), " ms"),
        goal("storm", "delivery to others meanwhile, p99", Figure(SELF, "others_p99_ms"), AtMost(100.0), " ms"),
        goal("quiet", "processor share with PostgreSQL", Figure(SELF, "cpu_share"), AtMost(0.02), " cores"),
        goal(
            "growth",
            "mutations/s, of a small log's",
            Ratio("large-log", "small-log", "mutations_per_s"),
            AtLeast(0.9),
            "",
        ),
        goal(
            "growth",
            "catch-up, of a small log's",
            Ratio("large-log", "small-log", "catch_up_events_per_s"),
            AtLeast(0.9),
            "",
        ),
        goal("cold-start", "start to ready", Figure(SELF, "ready_ms"), AtMost(1000.0), " ms"),
    ]
};
