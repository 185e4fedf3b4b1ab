//! Register, sign in, sign out, and who am I.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;

use super::extract::{Object, cookies, session as current_session};
use crate::app::AppState;
use crate::domain::{Email, MemberName, Password};
use crate::error::Error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    email: String,
    name: String,
    password: String,
}

pub async fn register(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<Object<Registration>>,
) -> Result<HttpResponse, Error> {
    let Registration { email, name, password } = body.into_inner().0;
    let (email, name) = (Email::parse(email)?, MemberName::parse(name)?);
    let user = state.auth.register(email, name, Password::parse(password)?, state.client_address(&request)).await?;
    Ok(HttpResponse::Created().json(json!({ "user": user })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    email: String,
    password: String,
}

pub async fn login(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<Object<Login>>,
) -> Result<HttpResponse, Error> {
    let Login { email, password } = body.into_inner().0;
    // NUL can be in no stored address, and the database refuses it as text.
    if email.contains('\0') {
        return Err(Error::BadCredentials);
    }
    let signed_in = state.auth.login(&email, Password::attempt(password), state.client_address(&request)).await?;
    let lifetime = i64::try_from(state.auth.lifetime().as_secs()).unwrap_or(i64::MAX);
    let cookie = session_cookie(&state, signed_in.token, lifetime);
    Ok(HttpResponse::Ok().cookie(cookie).json(signed_in.session))
}

/// Signs out; without a session there is nothing to do, which is no error.
pub async fn logout(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    if let Some(token) = cookies(request.headers()).and_then(|cookies| state.auth.token(cookies)) {
        state.auth.logout(token).await?;
    }
    Ok(HttpResponse::NoContent().cookie(session_cookie(&state, String::new(), 0)).finish())
}

pub async fn session(request: HttpRequest) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(current_session(&request).await?))
}

fn session_cookie(state: &AppState, token: String, lifetime_s: i64) -> Cookie<'static> {
    Cookie::build(state.auth.cookie_name(), token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.secure)
        .max_age(Duration::seconds(lifetime_s))
        .finish()
}
