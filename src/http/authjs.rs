//! The routes of Auth.js for signing in by address and password, as `next-auth/react` of versions 4 and 5 calls them.
//!
//! What changes something takes the double-submit token of `/api/auth/csrf`. Answers say where to go: as `{url}` where
//! the client asks for that (version 5 by the header `X-Auth-Return-Redirect`, version 4 by `json: true`), else by a
//! redirect. Errors are in the query of that address. Where to go is never another site, but one on the list.

use std::collections::HashMap;

use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Bytes, Data, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::context::OwnBody;
use super::cookies::{csrf_cookie, end_session, gone_cookies, session_cookie};
use super::extract::cookies;
use super::get;
use crate::app::AppState;
use crate::domain::Password;
use crate::error::Error;

const BASE: &str = "/api/auth";
/// The page of ours that signs in.
const LOGIN_PAGE: &str = "/login";

/// The half of the double-submit token that a body sends.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrfToken {
    csrf_token: String,
}

/// A way to sign in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    id: &'static str,
    name: &'static str,
    r#type: &'static str,
    signin_url: String,
    callback_url: String,
}

/// Where to go next.
#[derive(Serialize, ToSchema)]
pub struct GoTo {
    url: String,
}

/// What signs in. Read field by field (`Form`), since clients of Auth.js send more.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
pub struct Credentials {
    csrf_token: String,
    email: String,
    password: String,
    callback_url: Option<String>,
    json: Option<String>,
}

/// What signs out.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
pub struct SignOut {
    csrf_token: String,
    callback_url: Option<String>,
    json: Option<String>,
}

/// Adds the routes.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(get("/api/auth/csrf", csrf))
        .service(get("/api/auth/providers", providers))
        .service(get("/api/auth/signin", sign_in_page))
        .service(get("/api/auth/error", error_page))
        .service(
            web::resource("/api/auth/callback/credentials")
                .app_data(web::PayloadConfig::new(super::BODY_LIMIT))
                .route(web::post().to(sign_in)),
        )
        .service(
            web::resource("/api/auth/signout")
                .app_data(web::PayloadConfig::new(super::BODY_LIMIT))
                .route(web::post().to(sign_out)),
        );
}

/// The double-submit token, and its cookie where there is none yet.
#[utoipa::path(
    get, path = "/api/auth/csrf", tag = "Auth.js", operation_id = "csrfToken", security(()),
    responses((
        status = 200, description = "To be sent in a body, beside the cookie", body = CsrfToken,
        headers(("Set-Cookie" = Option<String>, description = "The other half, where the request had none"))
    ))
)]
pub async fn csrf(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let csrf = state.auth.csrf(cookies(request.headers())).await?;
    let mut response = HttpResponse::Ok();
    if let Some(value) = csrf.new_cookie {
        response.cookie(csrf_cookie(&state, value));
    }
    Ok(response.json(CsrfToken { csrf_token: csrf.token }))
}

/// The ways to sign in: one, by address and password.
#[utoipa::path(
    get, path = "/api/auth/providers", tag = "Auth.js", operation_id = "providers", security(()),
    responses((status = 200, description = "By their ids", body = HashMap<String, Provider>)),
    extensions(("x-problems" = json!(["BAD_REQUEST"])))
)]
pub async fn providers(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let base = own_address(&state, &request)?;
    let address = |action: &str| format!("{}{BASE}/{action}/credentials", base.origin().ascii_serialization());
    let credentials = Provider {
        id: "credentials",
        name: "Credentials",
        r#type: "credentials",
        signin_url: address("signin"),
        callback_url: address("callback"),
    };
    Ok(HttpResponse::Ok().json(HashMap::from([("credentials", credentials)])))
}

/// Where clients send people who are to sign in: on to our page, which leads back to pages of this server.
#[utoipa::path(
    get, path = "/api/auth/signin", tag = "Auth.js", operation_id = "signInPage", security(()),
    params(("callbackUrl" = Option<String>, Query, description = "Where to lead back to, on this server")),
    responses((status = 302, description = "To the page that signs in", headers(("Location" = String)))),
)]
pub async fn sign_in_page(
    state: Data<AppState>,
    request: HttpRequest,
    query: Query<HashMap<String, String>>,
) -> Result<HttpResponse, Error> {
    lead_to_login(&state, &request, &query)
}

/// Where clients send people after an error: on to the page that signs in, which says what went wrong.
#[utoipa::path(
    get, path = "/api/auth/error", tag = "Auth.js", operation_id = "errorPage", security(()),
    params(("error" = Option<String>, Query, description = "What went wrong, in the words of Auth.js")),
    responses((status = 302, description = "To the page that signs in", headers(("Location" = String)))),
)]
pub async fn error_page(
    state: Data<AppState>,
    request: HttpRequest,
    query: Query<HashMap<String, String>>,
) -> Result<HttpResponse, Error> {
    lead_to_login(&state, &request, &query)
}

fn lead_to_login(
    state: &AppState,
    request: &HttpRequest,
    query: &HashMap<String, String>,
) -> Result<HttpResponse, Error> {
    let base = own_address(state, request)?;
    let mut page = base.clone();
    page.set_path(LOGIN_PAGE);
    for (name, value) in [("error", query.get("error")), ("code", query.get("code"))] {
        if let Some(value) = value {
            page.query_pairs_mut().append_pair(name, value);
        }
    }
    let back = query.get("callbackUrl").and_then(|wanted| base.join(wanted).ok());
    if let Some(back) = back.filter(|back| back.origin() == base.origin()) {
        page.query_pairs_mut().append_pair("returnTo", &back[url::Position::BeforePath..]);
    }
    Ok(redirect(&page[url::Position::BeforePath..]))
}

/// Sign in by address and password.
#[utoipa::path(
    post, path = "/api/auth/callback/credentials", tag = "Auth.js", operation_id = "signInCredentials", security(()),
    params(("X-Auth-Return-Redirect" = Option<String>, Header, description = "Answer `{url}` instead of a redirect")),
    request_body(content((Credentials = "application/x-www-form-urlencoded"), (Credentials = "application/json"))),
    responses(
        (
            status = 200, description = "Where to go next; with `error` in its query if that failed", body = GoTo,
            headers(("Set-Cookie" = Option<String>, description = "The session's cookie, if it succeeded"))
        ),
        (status = 302, description = "The same, as a redirect", headers(("Location" = String))),
        (status = 401, description = "The same, for version 4, if it failed", body = GoTo),
        (
            status = 429, description = "The same, after too many failures", body = GoTo,
            headers(("Retry-After" = u64, description = "Seconds"))
        ),
    ),
    extensions(("x-problems" = json!(["NOT_FORM"])))
)]
pub async fn sign_in(state: Data<AppState>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let answer = Answer::new(&state, &request, &form)?;
    if !state.auth.csrf_verified(cookies(request.headers()), form.get("csrfToken")).await? {
        return Ok(answer.refuse("MissingCSRF", None, StatusCode::OK));
    }
    let password = Password::attempt(form.get("password").to_owned());
    match state.auth.login(form.get("email"), password, state.client_address(&request)).await {
        Ok(signed_in) => {
            let mut response = answer.go();
            response
                .add_cookie(&session_cookie(&state, signed_in.token))
                .map_err(|error| Error::Internal(error.into()))?;
            Ok(response)
        }
        Err(Error::BadCredentials) => {
            // Version 4 tells by the status too, version 5 by the address alone.
            let status = if answer.version_4 { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            Ok(answer.refuse("CredentialsSignin", Some("credentials"), status))
        }
        Err(error @ Error::TooManyAttempts { retry_after_s }) => {
            let mut response = answer.refuse("CredentialsSignin", Some("too_many_attempts"), error.status());
            response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// Sign out.
#[utoipa::path(
    post, path = "/api/auth/signout", tag = "Auth.js", operation_id = "signOut", security(()),
    params(("X-Auth-Return-Redirect" = Option<String>, Header, description = "Answer `{url}` instead of a redirect")),
    request_body(content((SignOut = "application/x-www-form-urlencoded"), (SignOut = "application/json"))),
    responses(
        (
            status = 200, description = "Where to go next; with `error` in its query if that failed", body = GoTo,
            headers(("Set-Cookie" = Option<String>, description = "Takes the session's cookie away"))
        ),
        (status = 302, description = "The same, as a redirect", headers(("Location" = String))),
    ),
    extensions(("x-problems" = json!(["NOT_FORM"])))
)]
pub async fn sign_out(state: Data<AppState>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let form = Form::read(&request, &body)?;
    let answer = Answer::new(&state, &request, &form)?;
    if !state.auth.csrf_verified(cookies(request.headers()), form.get("csrfToken")).await? {
        return Ok(answer.refuse("MissingCSRF", None, StatusCode::OK));
    }
    end_session(&state, &request).await?;
    let mut response = answer.go();
    for cookie in gone_cookies(&state, &request) {
        response.add_cookie(&cookie).map_err(|error| Error::Internal(error.into()))?;
    }
    Ok(response)
}

/// What the client sent, as a form or as an object of JSON.
struct Form(HashMap<String, String>);

impl Form {
    fn read(request: &HttpRequest, body: &Bytes) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Ok(Self(url::form_urlencoded::parse(body).into_owned().collect()));
        }
        if !kind.starts_with("application/json") {
            return Err(Error::NotForm);
        }
        let fields: HashMap<String, serde_json::Value> = serde_json::from_slice(body)
            .map_err(|error| Error::BadRequest(format!("The body is not as expected: {error}")))?;
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self(fields.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// How the client is told where to go.
struct Answer {
    base: Url,
    target: Url,
    as_json: bool,
    version_4: bool,
}

impl Answer {
    fn new(state: &AppState, request: &HttpRequest, form: &Form) -> Result<Self, Error> {
        let base = own_address(state, request)?;
        let wanted = base.join(form.get("callbackUrl")).unwrap_or_else(|_| base.clone());
        let ours = wanted.origin() == base.origin() || state.origins.listed(wanted.as_str());
        let version_4 = form.get("json") == "true";
        let as_json = version_4 || request.headers().contains_key("x-auth-return-redirect");
        Ok(Self { target: if ours { wanted } else { base.clone() }, base, as_json, version_4 })
    }

    fn go(&self) -> HttpResponse {
        self.to(self.target.as_str(), StatusCode::OK)
    }

    /// `status` is for clients that read one; a redirect is a redirect.
    fn refuse(&self, error: &str, code: Option<&str>, status: StatusCode) -> HttpResponse {
        let mut page = self.base.clone();
        page.set_path(&format!("{BASE}/signin"));
        page.query_pairs_mut().append_pair("error", error);
        if let Some(code) = code {
            page.query_pairs_mut().append_pair("code", code);
        }
        self.to(page.as_str(), status)
    }

    fn to(&self, address: &str, status: StatusCode) -> HttpResponse {
        if !self.as_json {
            return redirect(address);
        }
        let mut response = HttpResponse::build(status).json(GoTo { url: address.to_owned() });
        response.extensions_mut().insert(OwnBody);
        response
    }
}

fn redirect(address: &str) -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, address)).finish()
}

/// Where the client finds this server: as it was set, or else as the request says.
fn own_address(state: &AppState, request: &HttpRequest) -> Result<Url, Error> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let address = state.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
    Url::parse(&address).map_err(|_| Error::BadRequest("The Host header is no host".to_owned()))
}
