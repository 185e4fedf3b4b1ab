//! The words and columns of the report.

/// How a scenario is shown.
pub struct Section {
    pub scenario: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    /// Figure, and its heading.
    pub columns: &'static [(&'static str, &'static str)],
    /// The columns that are drawn.
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
        about: "`POST /api/vaults/{id}/sources`, as fast as the connections can, each signed in, over all vaults; nobody \
                is subscribed. Afterwards there are as many sources as were acknowledged.",
        columns: MUTATIONS,
        charts: &["mutations_per_s"],
    },
    Section {
        scenario: "hot-vault",
        title: "One hot vault",
        about: "The same, in a single vault: every mutation waits for its row. (a), (c) and (d) lock none.",
        columns: MUTATIONS,
        charts: &["mutations_per_s"],
    },
    Section {
        scenario: "fanout",
        title: "Time to subscribers of one vault",
        about: "From the moment a mutation was to be sent to its receipt by each subscriber, at a fixed rate.",
        columns: DELIVERY,
        charts: &["delivery_p50_ms", "delivery_p99_ms"],
    },
    Section {
        scenario: "spread",
        title: "Time to subscribers of many vaults",
        about: "The same, with the subscribers and mutations spread over the vaults.",
        columns: DELIVERY,
        charts: &["delivery_p50_ms", "delivery_p99_ms"],
    },
    Section {
        scenario: "delivery-cost",
        title: "Cost of a delivery",
        about: "Processor time of the server for each event received by a subscriber, everything included. The bare \
                servers send the same bytes to the same sockets, and know no users and no database.",
        columns: DELIVERY,
        charts: &["server_us_per_delivery"],
    },
    Section {
        scenario: "memory",
        title: "Idle sockets",
        about: "Sockets that are signed in and in one vault's room. `kept` is the share of what they took that is still \
                resident 3 s after all have left.",
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
        title: "Everybody comes back",
        about: "Clients of one vault that missed 100 events each connect at the same moment. Meanwhile 100 subscribers of \
                another vault receive mutations at a fixed rate.",
        columns: &[
            ("live_again_p50_ms", "live again p50 ms"),
            ("live_again_all_ms", "all live again ms"),
            ("others_calm_p99_ms", "others before p99 ms"),
            ("others_p50_ms", "others meanwhile p50 ms"),
            ("others_p99_ms", "others meanwhile p99 ms"),
        ],
        charts: &[],
    },
    Section {
        scenario: "quiet",
        title: "Nothing happens",
        about: "Every vault has a subscriber, and nothing is changed. In cores.",
        columns: &[("server_cpu_share", "server"), ("postgres_cpu_share", "PostgreSQL"), ("cpu_share", "together")],
        charts: &[],
    },
    Section {
        scenario: "growth",
        title: "A log that has grown",
        about: "Mutations and catch-up (50 vaults at a time, 200 events each) with a small log and a large one. COPY of the \
                whole log is what reading can reach.",
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
        about: "From the start of the program to an answer of `/readyz`, with a migrated database.",
        columns: &[("listening_ms", "listening ms"), ("ready_ms", "ready ms"), ("rss_mib", "MiB")],
        charts: &[],
    },
];

/// What readers know a target by.
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

SyncScript beside four peers and the ceilings, on one machine, in turn. Made by `scripts/bench` from the figures in
[bench/results](../bench/results); do not edit. Ratios are what counts: absolute times belong to this machine.

";

pub const METHOD: &str = "## How it is measured

Generator, servers and PostgreSQL share the machine. Each run starts its target anew, on a database of its own that is
cloned from a template, in one PostgreSQL with default durability. Runs alternate between the targets; figures are
medians of runs, and ratios medians of the ratios of paired runs.

- Open loop, where a rate is given: a mutation has its time whatever the server does, and what is timed begins then. So
  a server that stalls shows it. Throughput is closed loop.
- Real logins, sessions looked up with every request, real joins over websockets.
- Processor time and memory are read from /proc, of whole process trees.
- A run fails if a mutation was acknowledged and is not there, or if SyncScript, (b) or a bare server delivered more or
  fewer events than there were, or SyncScript or (b) one out of turn. What (a), (c) and (d) lose, which number nothing,
  is shown as `lost`, after 10 s of waiting.
- The generator is one thread. What it takes for each event received is shown: it is part of every time to subscribers,
  for all alike, and the bare TCP fan-out shows what is left for a server to win.

The peers ([bench/peers](../bench/peers)) do the same over HTTP and Socket.IO, on Node.js:

- (a) the handler inserts, then emits: no outbox, so an event is lost with its process, and order is not promised.
- (b) SyncScript's promises written as usual: one transaction with outbox row and NOTIFY, a relay that listens.
- (c) as (a), on two nodes, with `@socket.io/postgres-adapter`.
- (d) the package `pg-transactional-outbox`, by its listener on the write-ahead log. It is told of a commit before other
  connections see it, looks for the row, and gives the message up where it is not there yet (`MESSAGE_NOT_FOUND` in the
  log of a run): that is what it loses.

They have NODE_ENV=production, prepared statements, a pool of 20 connections as SyncScript has, session and role in one
query where that is right, `bufferutil`, no compression of messages. SyncScript has its default settings, with the limits
on users set above the load. PostgreSQL has `wal_level=logical` for (d), which costs all others the same. pgbench runs the
server's own append statement, prepared, from as many clients; it works out ids by itself, which costs a little.

";
