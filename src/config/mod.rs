//! What can be set, by flag or environment. Everything but the database has a default that works.

mod limits;

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use outbox_worker::shell::Packaging;
use outbox_worker::version;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use crate::auth::SecretText;

pub use limits::LimitArgs;

/// Shared sources, live: REST and Socket.IO on one port, PostgreSQL behind.
#[derive(Debug, Parser)]
#[command(version = version::VERSION, long_version = version::LONG, arg_required_else_help = true)]
pub struct Cli {
    /// Postgres URL, such as postgres://user:password@localhost/syncscript
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
    /// How much is logged, in the syntax of tracing's EnvFilter: info, debug, syncscript=debug,warn
    #[arg(long, env = "SYNCSCRIPT_LOG", default_value = "info", global = true)]
    pub log: String,
    /// How logs look; auto is human on a terminal and JSON elsewhere
    #[arg(long, env = "SYNCSCRIPT_LOG_FORMAT", value_enum, default_value = "auto", global = true)]
    pub log_format: LogFormat,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves REST and Socket.IO
    Serve(ServeArgs),
    /// Brings the database to the schema of this version
    Migrate,
    /// Adds demo users (owner, contributor and viewer) and a demo vault; does nothing where they are there
    SeedDemo,
    /// Completions and man pages.
    #[command(flatten)]
    Packaging(Packaging),
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    Auto,
    /// Lines to read.
    Human,
    /// One JSON object a line.
    Json,
}

/// What cookies say of requests from other sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CookieSameSite {
    /// Not sent with them, except when a link is followed.
    Lax,
    /// Sent with them.
    None,
}

/// The settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address to listen on; 0.0.0.0 or :: for all
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one, which is printed
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// Where browsers find this server, such as https://sync.example.com; https makes cookies Secure
    #[arg(long, env = "SYNCSCRIPT_PUBLIC_URL", value_name = "URL", value_parser = web_origin)]
    pub public_url: Option<String>,
    /// Other web origins whose pages may use this server, over REST (CORS) and sockets alike; separated by commas
    #[arg(long, env = "SYNCSCRIPT_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', value_parser = web_origin)]
    pub allowed_origins: Vec<String>,
    /// Accepts the sessions of an Auth.js or NextAuth.js front end that has the same secret; the newest first of several,
    /// separated by commas or spaces
    #[arg(long, env = "AUTH_SECRET", hide_env_values = true)]
    pub auth_secret: Option<SecretText>,
    /// What cookies say of other sites: none lets pages of other sites that are on the list use them, and needs https
    #[arg(long, env = "SYNCSCRIPT_COOKIE_SAME_SITE", value_enum, default_value = "lax")]
    pub cookie_same_site: CookieSameSite,
    /// Brings the database to the schema of this version at the start
    #[arg(long, env = "SYNCSCRIPT_MIGRATE", default_value_t = true, action = clap::ArgAction::Set)]
    pub migrate: bool,
    /// Most connections to the database
    #[arg(long, env = "SYNCSCRIPT_DATABASE_CONNECTIONS", default_value = "20")]
    pub database_connections: NonZeroU32,
    /// HTTP worker threads; without it, one a core
    #[arg(long, env = "SYNCSCRIPT_WORKERS")]
    pub workers: Option<NonZeroU32>,
    /// Milliseconds between two sweeps, which find events that no notification told of
    #[arg(long, env = "SYNCSCRIPT_SWEEP_INTERVAL_MS", default_value = "1000")]
    pub sweep_interval_ms: NonZeroU64,
    /// Hears of other nodes' changes by LISTEN; without it they arrive by the sweep
    #[arg(long, env = "SYNCSCRIPT_LISTEN", default_value_t = true, action = clap::ArgAction::Set)]
    pub listen: bool,
    /// Shows the demo accounts, with their password, on the page that signs in
    #[arg(long, env = "SYNCSCRIPT_DEMO", default_value_t = false, action = clap::ArgAction::Set)]
    pub demo: bool,
    /// Limits.
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: LimitArgs,
}

impl ServeArgs {
    /// Whether browsers reach the server by https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https:"))
    }

    /// Checks what no setting shows by itself.
    ///
    /// # Errors
    /// One sentence that names the settings.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.cookie_same_site == CookieSameSite::None && !self.is_secure() {
            anyhow::bail!(
                "SYNCSCRIPT_COOKIE_SAME_SITE (--cookie-same-site) can be none on https alone, since browsers refuse such \
                 cookies elsewhere: set SYNCSCRIPT_PUBLIC_URL to the https address of this server"
            );
        }
        Ok(())
    }
}

/// Reads the command line and the environment.
///
/// # Errors
/// A bad value, in one sentence that names the setting by both its names. Anything else, such as `--help`, is answered
/// by clap, which ends the process.
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

/// Reads an origin: scheme, host and port, nothing after it.
fn web_origin(text: &str) -> Result<String, String> {
    let wrong = || format!("{text:?} is not a web origin such as https://example.com");
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if bare && ["http", "https"].contains(&url.scheme()) && url.has_host() {
        Ok(url.origin().ascii_serialization())
    } else {
        Err(wrong())
    }
}

/// Reads the database URL.
///
/// # Errors
/// One sentence that names the setting; the URL itself, which holds a password, is not in it.
pub fn database_options(url: Option<&str>) -> anyhow::Result<PgConnectOptions> {
    let url = url.ok_or_else(|| {
        anyhow::anyhow!("DATABASE_URL is not set: give it, or --database-url postgres://user:password@host/database")
    })?;
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        anyhow::bail!("DATABASE_URL must begin with postgres:// or postgresql://");
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| anyhow::anyhow!("DATABASE_URL is not of the form postgres://user:password@host:port/database"))?;
    Ok(options.application_name("syncscript"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn origins_are_normalised_or_refused() {
        assert_eq!(web_origin("https://Example.com:443/").as_deref(), Ok("https://example.com"));
        for bad in ["example.com", "https://example.com/app", "ftp://example.com", "*", ""] {
            assert!(web_origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_database_url_is_not_shown() {
        for bad in ["mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d"] {
            let error = database_options(Some(bad)).expect_err("refused").to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("hunter2"), "{error}");
        }
    }
}
