//! The texts and columns of the report.

/// The section of a scenario.
pub struct Section {
    pub scenario: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    /// Pairs of figure and heading.
    pub columns: &'static [(&'static str, &'static str)],
    /// The figures that get a chart.
    pub charts: &'static [&'static str],
}

const MUTATIONS: &[(&str, &str)] = &[
    ("mutations_per_s", "mutations/s"),
    ("rest_p50_ms", "p50 ms"),
    ("rest_p99_ms", "p99 ms"),
    ("server_us_per_mutation", "server µs each"),
    ("postgres_us_per_mutation", "PostgreSQL µs each"),
];
const DELIVERY: &[(&str, &str)] = &[
    ("delivery_p50_ms", "p50 ms"),
    ("delivery_p99_ms", "p99 ms"),
    ("delivery_max_ms", "max ms"),
    ("deliveries_per_s", "deliveries/s"),
    ("lost_share", "lost"),
    ("server_us_per_delivery", "server µs each"),
    ("generator_us_per_delivery", "generator µs each"),
    ("server_cpu_share", "server cores"),
    ("postgres_cpu_share", "PostgreSQL cores"),
];

pub const SECTIONS: &[Section] = &[
    Section {
        scenario: "mutations",
        title: "Mutations",
        about: "`POST /api/vaults/{id}/sources` over all vaults, as fast as the connections can, each with its own \
                session and without subscribers. The run checks that the number of sources equals the number of \
                acknowledgements.",
        columns: MUTATIONS,
        charts: &["mutations_per_s"],
    },
    Section {
        scenario: "hot-vault",
        title: "One hot vault",
        about: "The same in a single vault, where every mutation waits for the vault's row. (a), (c) and (d) lock no \
                row.",
        columns: MUTATIONS,
        charts: &["mutations_per_s"],
    },
    Section {
        scenario: "fanout",
        title: "Time to subscribers of one vault",
        about: "Time from the scheduled start of a mutation to its receipt by each subscriber, at a fixed rate.",
        columns: DELIVERY,
        charts: &["delivery_p50_ms", "delivery_p99_ms"],
    },
    Section {
        scenario: "spread",
        title: "Time to subscribers of many vaults",
        about: "The same, with subscribers and mutations spread over many vaults.",
        columns: DELIVERY,
        charts: &["delivery_p50_ms", "delivery_p99_ms"],
    },
    Section {
        scenario: "delivery-cost",
        title: "Cost of a delivery",
        about: "The server's total processor time per event received by a subscriber. The bare servers send the same \
                bytes to the same sockets, without users or a database.",
        columns: DELIVERY,
        charts: &["server_us_per_delivery"],
    },
    Section {
        scenario: "memory",
        title: "Idle sockets",
        about: "Signed-in sockets in one vault's room. `kept` is the share of their memory that is still resident 3 \
                s after all have left.",
        columns: &[
            ("rss_per_socket_kib", "KiB each"),
            ("rss_per_socket_after_broadcast_kib", "KiB each after an event"),
            ("rss_joined_mib", "MiB joined"),
            ("rss_left_mib", "MiB left"),
            ("rss_kept_share", "kept"),
            ("join_all_s", "all joined s"),
            ("broadcast_p50_ms", "event p50 ms"),
            ("broadcast_all_ms", "event to all ms"),
        ],
        charts: &["rss_per_socket_kib"],
    },
    Section {
        scenario: "storm",
        title: "Reconnect storm",
        about: "Clients of one vault, each of which missed 100 events, connect at the same moment. At the same time, \
                100 subscribers of another vault receive mutations at a fixed rate.",
        columns: &[
            ("live_again_p50_ms", "live again p50 ms"),
            ("live_again_all_ms", "all live again ms"),
            ("others_calm_p99_ms", "others before p99 ms"),
            ("others_p50_ms", "others during p50 ms"),
            ("others_p99_ms", "others during p99 ms"),
        ],
        charts: &[],
    },
    Section {
        scenario: "quiet",
        title: "Idle vaults",
        about: "Every vault has a subscriber, and nothing changes. Processor time in cores.",
        columns: &[("server_cpu_share", "server"), ("postgres_cpu_share", "PostgreSQL"), ("cpu_share", "total")],
        charts: &[],
    },
    Section {
        scenario: "growth",
        title: "A large log",
        about: "Mutations and catch-up (50 vaults at a time, 200 events each) with a small and a large log. COPY of \
                the whole log is the ceiling for reading.",
        columns: &[
            ("log_rows", "events in the log"),
            ("mutations_per_s", "mutations/s"),
            ("catch_up_events_per_s", "catch-up events/s"),
            ("copy_rows_per_s", "COPY rows/s"),
        ],
        charts: &[],
    },
    Section {
        scenario: "cold-start",
        title: "Cold start",
        about: "Time from the start of the program until `/readyz` answers, with a migrated database.",
        columns: &[("listening_ms", "listening ms"), ("ready_ms", "ready ms"), ("rss_mib", "MiB")],
        charts: &[],
    },
];

/// Returns the name of a target in the report.
pub fn label(target: &str) -> &str {
    match target {
        "syncscript" => "SyncScript",
        "peer-plan" => "(a) emit in the handler",
        "peer-outbox" => "(b) outbox, in Node.js",
        "peer-adapter" => "(c) postgres-adapter, 2 nodes",
        "peer-package" => "(d) pg-transactional-outbox",
        "pgbench" => "ceiling: pgbench",
        "bare-socketioxide" => "ceiling: bare socketioxide",
        "bare-tcp" => "ceiling: bare TCP",
        "small-log" => "small log",
        "large-log" => "large log",
        other => other,
    }
}

pub const INTRODUCTION: &str = "# Performance

SyncScript compared with four peers and with the ceilings, measured one after the other on one machine. `scripts/bench`
generates this page from the figures in [bench/results](../bench/results); do not edit it. Compare the ratios: absolute
times depend on the machine.

";

pub const METHOD: &str = "## How it is measured

The generator, the servers and PostgreSQL share the machine. Each run restarts its target on its own database, which is
cloned from a template, in one PostgreSQL with default durability. Runs alternate between the targets. Figures are
medians of runs, and ratios are medians of the ratios of paired runs.

- Scenarios with a rate are open loop: each mutation has a scheduled time, whatever the server does, and its measurement
  starts then. A server that stalls therefore shows the stall. Throughput is closed loop.
- Logins, session lookups with every request, and joins over websockets are real.
- Processor time and memory are read from /proc, for whole process trees.
- A run fails if an acknowledged mutation is missing. It also fails if SyncScript, (b) or a bare server delivers more or
  fewer events than there were, or if SyncScript or (b) delivers one out of order. (a), (c) and (d) number nothing; the
  events that they lose are shown as `lost`, after a wait of 10 s.
- The generator is one thread. Its time per received event is shown, because it is part of every delivery time, for all
  targets equally. The bare TCP fan-out shows how much of the rest a server can save.

The peers ([bench/peers](../bench/peers)) offer the same over HTTP and Socket.IO, on Node.js:

- (a) The handler inserts, then emits. There is no outbox: an event is lost with its process, and order is not
  guaranteed.
- (b) SyncScript's promises, implemented the usual way: one transaction with an outbox row and NOTIFY, and a relay that
  listens.
- (c) Like (a), on two nodes, with `@socket.io/postgres-adapter`.
- (d) The package `pg-transactional-outbox`, with its listener on the write-ahead log. The listener learns of a commit
  before other connections can see it, looks for the row, and drops the message if the row is not visible yet
  (`MESSAGE_NOT_FOUND` in the log of a run). These are its losses.

The peers use NODE_ENV=production, prepared statements, a pool of 20 connections like SyncScript, session and role in
one query where that is correct, `bufferutil`, and no message compression. SyncScript uses its default settings, with
the limits per user raised above the load. PostgreSQL has `wal_level=logical` for (d), which costs all targets the same.
pgbench runs the server's own append statement, prepared, from the same number of clients. It computes ids itself, which
costs a little.

";
