//! Register, sign in, sign out, and who am I.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cookies::{end_session, gone_cookies, session_cookie};
use super::extract::{Object, session as current_session};
use crate::app::AppState;
use crate::domain::{Email, MemberName, Password, Session, User};
use crate::error::Error;

/// Who wants to be a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "name": "Ada", "password": "correct horse battery staple" }))]
pub struct Registration {
    #[schema(inline, value_type = Email)]
    email: String,
    #[schema(inline, value_type = MemberName)]
    name: String,
    #[schema(inline, value_type = Password)]
    password: String,
}

/// A user who has registered.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    user: User,
}

/// Become a user.
#[utoipa::path(
    post, path = "/api/auth/register", tag = "Sign in", operation_id = "register", security(()),
    request_body = Registration, responses((status = 201, description = "Registered", body = Registered)),
    extensions(("x-problems" = json!(["INVALID", "EMAIL_TAKEN", "TOO_MANY_ATTEMPTS"])))
)]
pub async fn register(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<Object<Registration>>,
) -> Result<HttpResponse, Error> {
    let Registration { email, name, password } = body.into_inner().0;
    let (email, name) = (Email::parse(email)?, MemberName::parse(name)?);
    let user = state.auth.register(email, name, Password::parse(password)?, state.client_address(&request)).await?;
    Ok(HttpResponse::Created().json(Registered { user }))
}

/// An address and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "password": "correct horse battery staple" }))]
pub struct Login {
    email: String,
    password: String,
}

/// Begin a session.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "Sign in", operation_id = "login", security(()),
    request_body = Login,
    responses((
        status = 200, description = "Signed in", body = Session,
        headers(("Set-Cookie" = String, description = "The session's cookie: HttpOnly, SameSite=Lax, Secure on https"))
    )),
    extensions(("x-problems" = json!(["BAD_CREDENTIALS", "TOO_MANY_ATTEMPTS"])))
)]
pub async fn login(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<Object<Login>>,
) -> Result<HttpResponse, Error> {
    let Login { email, password } = body.into_inner().0;
    let signed_in = state.auth.login(&email, Password::attempt(password), state.client_address(&request)).await?;
    let cookie = session_cookie(&state, signed_in.token);
    Ok(HttpResponse::Ok().cookie(cookie).json(signed_in.session))
}

/// End the session. Without one there is nothing to do, which is no error.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "Sign in", operation_id = "logout", security((), ("session" = [])),
    responses((
        status = 204, description = "Nobody is signed in any more",
        headers(("Set-Cookie" = String, description = "Removes the session's cookie"))
    ))
)]
pub async fn logout(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    end_session(&state, &request).await?;
    let mut response = HttpResponse::NoContent();
    for cookie in gone_cookies(&state, &request) {
        response.cookie(cookie);
    }
    Ok(response.finish())
}

/// Who is signed in: `null` if nobody is.
#[utoipa::path(
    get, path = "/api/auth/session", tag = "Sign in", operation_id = "session", security((), ("session" = [])),
    responses((status = 200, description = "The session", body = Option<Session>))
)]
pub async fn session(request: HttpRequest) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(current_session(&request).await?))
}
