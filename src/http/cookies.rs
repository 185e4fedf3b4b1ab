//! The cookies that the server sets and takes back.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};

use super::extract::cookies;
use crate::app::AppState;
use crate::auth::session_parts;
use crate::config::CookieSameSite;
use crate::error::Error;

/// The cookie of a session that begins.
pub fn session_cookie(state: &AppState, token: String) -> Cookie<'static> {
    let lifetime = i64::try_from(state.auth.lifetime().as_secs()).unwrap_or(i64::MAX);
    let mut cookie = cookie(state, state.auth.names().session, token);
    cookie.set_max_age(Duration::seconds(lifetime));
    cookie
}

/// The cookie of the double-submit token; it goes with the browser.
pub fn csrf_cookie(state: &AppState, value: String) -> Cookie<'static> {
    cookie(state, state.auth.names().csrf, value)
}

/// Takes back all cookies that hold a part of the session, and ours in any case.
pub fn gone_cookies(state: &AppState, request: &HttpRequest) -> Vec<Cookie<'static>> {
    let names = state.auth.names();
    let parts = cookies(request.headers()).into_iter().flat_map(|cookies| session_parts(cookies, names));
    let others = parts.filter(|name| *name != names.session);
    std::iter::once(names.session)
        .chain(others)
        .map(|name| {
            let mut cookie = cookie(state, name, String::new());
            cookie.set_max_age(Duration::ZERO);
            cookie.into_owned()
        })
        .collect()
}

/// Ends the session that the request's cookie opens, if there is one.
///
/// # Errors
/// Outages.
pub async fn end_session(state: &AppState, request: &HttpRequest) -> Result<(), Error> {
    match cookies(request.headers()).and_then(|cookies| state.auth.presented(cookies)) {
        Some(presented) => state.auth.logout(&presented).await,
        None => Ok(()),
    }
}

fn cookie<'a>(state: &AppState, name: &'a str, value: String) -> Cookie<'a> {
    let same_site = match state.cookie_same_site {
        CookieSameSite::Lax => SameSite::Lax,
        CookieSameSite::None => SameSite::None,
    };
    Cookie::build(name, value).path("/").http_only(true).same_site(same_site).secure(state.secure).finish()
}
