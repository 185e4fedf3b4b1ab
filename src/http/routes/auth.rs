//! Registration, login, logout and the current session.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Email, MemberName, Password, Session, User};
use crate::error::Error;
use crate::http::client_address::client_address;
use crate::http::cookies::{removal_cookies, session_cookie};
use crate::http::extract::json_object::JsonObject;
use crate::http::session::{current_session, end_session};
use crate::http::state::AppState;

/// A new user.
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

/// The registered user.
#[derive(Serialize, ToSchema)]
#[schema(as = Registered)]
pub struct RegistrationResponse {
    user: User,
}

/// Register a user.
#[utoipa::path(
    post, path = "/api/auth/register", tag = "Sign in", operation_id = "register", security(()),
    request_body = Registration, responses((status = 201, description = "Registered", body = RegistrationResponse)),
    extensions(("x-problems" = json!(["INVALID", "EMAIL_TAKEN", "TOO_MANY_ATTEMPTS"])))
)]
pub async fn register(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<JsonObject<Registration>>,
) -> Result<HttpResponse, Error> {
    let Registration { email, name, password } = body.into_inner().0;
    let (email, name) = (Email::parse(email)?, MemberName::parse(name)?);
    let address = client_address(&state, &request);
    let user = state.auth.register(email, name, Password::parse(password)?, address).await?;
    Ok(HttpResponse::Created().json(RegistrationResponse { user }))
}

/// An email address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "password": "correct horse battery staple" }))]
pub struct Login {
    email: String,
    password: String,
}

/// Sign in: start a session.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "Sign in", operation_id = "login", security(()),
    request_body = Login,
    responses((
        status = 200, description = "Signed in", body = Session,
        headers(("Set-Cookie" = String, description = "The session cookie: HttpOnly, SameSite=Lax, Secure on https"))
    )),
    extensions(("x-problems" = json!(["BAD_CREDENTIALS", "TOO_MANY_ATTEMPTS"])))
)]
pub async fn login(
    state: Data<AppState>,
    request: HttpRequest,
    body: Json<JsonObject<Login>>,
) -> Result<HttpResponse, Error> {
    let Login { email, password } = body.into_inner().0;
    let address = client_address(&state, &request);
    let new = state.auth.login(&email, Password::attempt(password), address).await?;
    let cookie = session_cookie(&state, new.token);
    Ok(HttpResponse::Ok().cookie(cookie).json(new.session))
}

/// Sign out: end the session. Without a session, does nothing and succeeds.
#[utoipa::path(
    post, path = "/api/auth/logout", tag = "Sign in", operation_id = "logout", security((), ("session" = [])),
    responses((
        status = 204, description = "Signed out",
        headers(("Set-Cookie" = String, description = "Removes the session cookie"))
    ))
)]
pub async fn logout(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    end_session(&state, &request).await?;
    let mut response = HttpResponse::NoContent();
    for cookie in removal_cookies(&state, &request) {
        response.cookie(cookie);
    }
    Ok(response.finish())
}

/// Read the current session: `null` without one.
#[utoipa::path(
    get, path = "/api/auth/session", tag = "Sign in", operation_id = "session", security((), ("session" = [])),
    responses((status = 200, description = "The session", body = Option<Session>))
)]
pub async fn session(request: HttpRequest) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(current_session(&request).await?))
}
