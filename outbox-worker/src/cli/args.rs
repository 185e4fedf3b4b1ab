//! The command line.

use clap::{Args, Parser, Subcommand};
use outbox_worker::packaging::PackagingCommand;
use outbox_worker::version;
use syncscript_types::{EventType, UserId, VaultId};
use uuid::Uuid;

use crate::compact::CompactBefore;

/// Inspects and maintains the outbox of a SyncScript database while the servers run.
#[derive(Parser)]
#[command(name = "outbox-worker", version = version::VERSION, long_version = version::long(), arg_required_else_help = true)]
pub struct Cli {
    /// Postgres URL, such as postgres://user:password@localhost/syncscript
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Subcommand)]
pub enum Command {
    /// Shows the nodes, and per vault the head of its log, the age of its newest event and the size of its log
    Status {
        /// Prints a JSON object instead of tables
        #[arg(long)]
        json: bool,
        /// How many vaults to show; those with the newest events come first
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
    },
    /// Follows the log live: prints one JSON line per event, each vault in order, until stopped
    Tail {
        /// Only this vault's events
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// Begins after this seq instead of at the end; 0 prints the whole log
        #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(0..))]
        after: Option<i64>,
    },
    /// Sends stored events again to the live members of a vault, on every node, in order
    ///
    /// Clients recognise replayed events by the field `replay`. The servers send them: stopping this command does not
    /// stop the replay.
    Replay(ReplayArgs),
    /// Lists the replays, newest first
    Replays {
        /// Prints a JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Folds the log and compares it with the tables; exits with 1 if they differ or the log has a gap, 2 on failure
    Verify {
        /// Only this vault; by default, all vaults
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// All vaults (the default)
        #[arg(long, conflicts_with = "vault")]
        all: bool,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Rebuilds the tables from the log, in one transaction per vault
    Rebuild {
        #[command(flatten)]
        selection: VaultSelection,
        /// Prints what would change, and changes nothing
        #[arg(long)]
        dry_run: bool,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Writes the log as NDJSON to stdout
    Export {
        /// Only this vault; by default, all vaults
        #[arg(long, value_name = "ID")]
        vault: Option<VaultId>,
        /// Only events after this seq; such an export cannot be imported
        #[arg(long, value_name = "SEQ", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
    },
    /// Imports an export from stdin into a database without vaults: all of it or nothing
    Import {
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Replaces the old part of a vault's log with a snapshot; its earlier history is lost
    Compact {
        /// The vault
        #[arg(long, value_name = "ID")]
        vault: VaultId,
        /// The first event to keep: a seq, a day (2026-01-31) or a time (2026-01-31T12:00:00Z)
        #[arg(long, value_name = "SEQ|TIME")]
        before: CompactBefore,
        /// Prints a JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    #[command(flatten)]
    Packaging(PackagingCommand),
}

/// The options of `replay`.
#[derive(Args)]
pub struct ReplayArgs {
    /// The vault
    #[arg(long, value_name = "ID", required_unless_present = "cancel")]
    pub vault: Option<VaultId>,
    /// The first event [default: the first of the log]
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(1..))]
    pub from: Option<i64>,
    /// The last event [default: the head]
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(i64).range(1..))]
    pub to: Option<i64>,
    /// Only events of this type, such as source:created
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<EventType>,
    /// Only to the sockets of this user
    #[arg(long, value_name = "ID")]
    pub user: Option<UserId>,
    /// Events per second, such as 100 or 100/s
    #[arg(long, default_value = "100", value_parser = parse_rate)]
    pub rate: f64,
    /// Prints how many events would be sent, and sends none
    #[arg(long)]
    pub dry_run: bool,
    /// Cancels this replay instead
    #[arg(long, value_name = "REPLAY", conflicts_with_all = ["vault", "from", "to", "kind", "user", "dry_run"])]
    pub cancel: Option<Uuid>,
    /// Prints a JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse()
        .ok()
        .filter(|rate: &f64| (0.1..=4000.0).contains(rate))
        .ok_or_else(|| "expected events per second, from 0.1 to 4000".to_owned())
}

/// One vault or all of them.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct VaultSelection {
    /// Only this vault
    #[arg(long, value_name = "ID")]
    pub vault: Option<VaultId>,
    /// All vaults
    #[arg(long)]
    all: bool,
}
