//! The cookies that the server reads, sets and removes. Their names are in `auth`.

use actix_web::HttpRequest;
use actix_web::cookie::Cookie;
use actix_web::cookie::time::Duration;
use actix_web::http::header::{self, HeaderMap};

use super::state::AppState;
use crate::auth::session_cookies;

/// Returns the `Cookie` header.
pub fn cookie_header(headers: &HeaderMap) -> Option<&str> {
    // Not `to_str`, which accepts ASCII only: other cookies of the site may contain any characters.
    headers.get(header::COOKIE).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// Builds the cookie of a new session.
pub fn session_cookie(state: &AppState, token: String) -> Cookie<'static> {
    let lifetime = i64::try_from(state.auth.session_lifetime().as_secs()).unwrap_or(i64::MAX);
    let mut cookie = build(state, state.auth.cookie_names().session, token);
    cookie.set_max_age(Duration::seconds(lifetime));
    cookie
}

/// Builds the cookie of the CSRF token. It lasts until the browser is closed.
pub fn csrf_cookie(state: &AppState, value: String) -> Cookie<'static> {
    build(state, state.auth.cookie_names().csrf, value)
}

/// Builds the cookies that remove the session: the session's own cookie, and each other cookie of the request that
/// holds a part of a session.
pub fn removal_cookies(state: &AppState, request: &HttpRequest) -> Vec<Cookie<'static>> {
    let names = state.auth.cookie_names();
    let parts = cookie_header(request.headers()).into_iter().flat_map(|cookies| session_cookies(cookies, names));
    let others = parts.filter(|name| *name != names.session);
    std::iter::once(names.session)
        .chain(others)
        .map(|name| {
            let mut cookie = build(state, name, String::new());
            cookie.set_max_age(Duration::ZERO);
            cookie.into_owned()
        })
        .collect()
}

fn build<'a>(state: &AppState, name: &'a str, value: String) -> Cookie<'a> {
    let settings = &state.settings;
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(settings.cookie_same_site)
        .secure(settings.secure_cookies)
        .finish()
}
