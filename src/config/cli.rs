//! The command line: subcommands, the settings that they share, and the message about a bad value.

use std::io::{self, IsTerminal};

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use outbox_worker::packaging::PackagingCommand;
use outbox_worker::version;

use super::serve::ServeArgs;

/// Shared lists of sources, updated live: REST and Socket.IO on one port, backed by PostgreSQL.
#[derive(Debug, Parser)]
#[command(version = version::VERSION, long_version = version::long(), arg_required_else_help = true)]
pub struct Cli {
    /// Postgres URL, such as postgres://user:password@localhost/syncscript
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// Log filter, in the syntax of tracing's EnvFilter: info, debug, syncscript=debug,warn
    #[arg(long, env = "SYNCSCRIPT_LOG", default_value = "info,sqlx=warn,actix_server=warn", global = true)]
    pub log: String,
    /// Log format; auto is human on a terminal and json elsewhere
    #[arg(long, env = "SYNCSCRIPT_LOG_FORMAT", value_enum, default_value = "auto", global = true)]
    pub log_format: LogFormat,
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves REST and Socket.IO
    Serve(ServeArgs),
    /// Migrates the database to the schema of this version
    Migrate,
    /// Adds demo users (owner, contributor and viewer) and a demo vault, unless they exist
    SeedDemo,
    /// Completions and man pages.
    #[command(flatten)]
    Packaging(PackagingCommand),
}

/// The format of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// Human-readable lines.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogFormat {
    /// Returns whether logs are JSON.
    #[must_use]
    pub fn is_json(self) -> bool {
        match self {
            Self::Auto => !io::stderr().is_terminal(),
            Self::Human => false,
            Self::Json => true,
        }
    }
}

/// Parses the command line and the environment. For anything but a bad value, such as `--help`, clap prints its output
/// and ends the process.
///
/// # Errors
/// A bad value: one sentence with both names of the setting.
pub fn parse() -> Result<Cli, String> {
    Cli::try_parse().map_err(|error| match bad_value(&error) {
        Some(sentence) => sentence,
        None => error.exit(),
    })
}

fn bad_value(error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        _ => None,
    };
    let flag = text(ContextKind::InvalidArg)?;
    let long = flag.trim_start_matches("--").split([' ', '=']).next()?.to_owned();
    let root = Cli::command();
    let mut commands = std::iter::once(&root).chain(root.get_subcommands());
    let variable = commands
        .find_map(|command| command.get_arguments().find(|argument| argument.get_long() == Some(&long))?.get_env())
        .map_or_else(String::new, |name| format!("{} ", name.to_string_lossy()));
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let reason = match (std::error::Error::source(error), text(ContextKind::ValidValue)) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(valid)) => format!("it must be one of {valid}"),
        (None, None) => "it is empty".to_owned(),
    };
    Some(format!("{variable}(--{long}) cannot be {value:?}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
