//! The settings of `serve`.

use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroU64};

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::limits::LimitArgs;
use super::origins::web_origin;

/// The `SameSite` attribute of cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CookieSameSite {
    /// Browsers send cookies to this server from other sites only when the user follows a link.
    Lax,
    /// Browsers send cookies to this server from other sites.
    None,
}

/// The settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address to listen on; 0.0.0.0 or :: for all
    #[arg(long, env = "HOST", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port to listen on; 0 picks a free port and prints it
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// The URL at which browsers reach this server, such as https://sync.example.com; https makes cookies Secure
    #[allow(rustdoc::bare_urls, reason = "the text is for --help")]
    #[arg(long, env = "SYNCSCRIPT_PUBLIC_URL", value_name = "URL", value_parser = web_origin)]
    pub public_url: Option<String>,
    /// Other web origins whose pages may use this server, over REST (CORS) and sockets; separated by commas
    #[arg(long, env = "SYNCSCRIPT_ALLOWED_ORIGINS", value_name = "ORIGIN", value_delimiter = ',', value_parser = web_origin)]
    pub allowed_origins: Vec<String>,
    /// Accepts sessions of an Auth.js or NextAuth.js front end that has the same secret; list several secrets newest
    /// first, separated by commas or spaces
    #[arg(long, env = "AUTH_SECRET", hide_env_values = true)]
    pub auth_secret: Option<SecretString>,
    /// SameSite attribute of cookies; none also sends them from allowed origins on other sites, and requires https
    #[arg(long, env = "SYNCSCRIPT_COOKIE_SAME_SITE", value_enum, default_value = "lax")]
    pub cookie_same_site: CookieSameSite,
    /// Migrates the database to the schema of this version at startup
    #[arg(long, env = "SYNCSCRIPT_MIGRATE", default_value_t = true, action = clap::ArgAction::Set)]
    pub migrate: bool,
    /// Maximum number of database connections
    #[arg(long, env = "SYNCSCRIPT_DATABASE_CONNECTIONS", default_value = "20")]
    pub database_connections: NonZeroU32,
    /// Number of HTTP worker threads; by default one per core
    #[arg(long, env = "SYNCSCRIPT_WORKERS")]
    pub workers: Option<NonZeroU32>,
    /// Milliseconds between sweeps, which find events whose notification was lost
    #[arg(long, env = "SYNCSCRIPT_SWEEP_INTERVAL_MS", default_value = "1000")]
    pub sweep_interval_ms: NonZeroU64,
    /// Receives other nodes' changes by LISTEN; if false, only the sweep finds them
    #[arg(long, env = "SYNCSCRIPT_LISTEN", default_value_t = true, action = clap::ArgAction::Set)]
    pub listen: bool,
    /// Shows the demo accounts and their password on the login page
    #[arg(long, env = "SYNCSCRIPT_DEMO", default_value_t = false, action = clap::ArgAction::Set)]
    pub demo: bool,
    /// Limits.
    #[command(flatten, next_help_heading = "Limits")]
    pub limits: LimitArgs,
}

impl ServeArgs {
    /// Returns whether browsers reach the server by https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https:"))
    }

    /// Checks the settings that depend on each other.
    ///
    /// # Errors
    /// One sentence that names the settings.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.cookie_same_site == CookieSameSite::None && !self.is_secure() {
            anyhow::bail!(
                "SYNCSCRIPT_COOKIE_SAME_SITE (--cookie-same-site) can be none on https only, since browsers reject such \
                 cookies elsewhere: set SYNCSCRIPT_PUBLIC_URL to the https address of this server"
            );
        }
        Ok(())
    }
}
