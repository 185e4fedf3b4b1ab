//! Converts the settings of `serve`, which are types for clap, to the plain settings of each part.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use actix_web::cookie::SameSite;

use crate::auth::AuthSettings;
use crate::config::{CookieSameSite, LimitArgs, ServeArgs};
use crate::http::state::HttpSettings;
use crate::rate_limit::Rate;
use crate::realtime::RealtimeLimits;

/// Returns the settings of registration and login.
pub fn auth_settings(args: &ServeArgs) -> AuthSettings {
    AuthSettings {
        lifetime: seconds(args.limits.session_lifetime_s),
        secure: args.is_secure(),
        account_rate: per_minute(args.limits.login_rate_account),
        address_rate: per_minute(args.limits.login_rate_address),
    }
}

/// Returns the limits of sockets.
pub fn realtime_limits(limits: &LimitArgs) -> RealtimeLimits {
    RealtimeLimits {
        write_stall: milliseconds(limits.write_stall_timeout_ms),
        backlog: limits.backlog_limit,
        socket_rate: Rate { per_second: limits.socket_rate.get().into(), burst: limits.socket_burst.get().into() },
        sockets_per_user: limits.sockets_per_user.get() as usize,
        vaults_per_socket: limits.vaults_per_socket.get() as usize,
    }
}

/// Returns the settings of the REST interface.
pub fn http_settings(args: &ServeArgs) -> HttpSettings {
    HttpSettings {
        secure_cookies: args.is_secure(),
        cookie_same_site: match args.cookie_same_site {
            CookieSameSite::Lax => SameSite::Lax,
            CookieSameSite::None => SameSite::None,
        },
        public_url: args.public_url.clone(),
        trust_proxy: args.limits.trust_proxy,
        request_timeout: milliseconds(args.limits.request_timeout_ms),
        idle_timeout: milliseconds(args.limits.idle_timeout_ms),
        show_demo: args.demo,
    }
}

/// Converts a setting in milliseconds.
#[must_use]
pub const fn milliseconds(value: NonZeroU64) -> Duration {
    Duration::from_millis(value.get())
}

/// Converts a setting in seconds.
#[must_use]
pub const fn seconds(value: NonZeroU32) -> Duration {
    Duration::from_secs(value.get() as u64)
}

/// Converts a count per minute to a rate. The burst is the same count.
fn per_minute(count: NonZeroU32) -> Rate {
    Rate { per_second: f64::from(count.get()) / 60.0, burst: count.get().into() }
}
