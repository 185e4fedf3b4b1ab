//! Sessions: authentication by cookie, and the ways a session ends.

use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{App, PASSWORD, Response, Team, User, source_path};

/// A request with this token as its only cookie.
fn with_token(app: &App, token: &str) -> RequestBuilder {
    app.anonymous().get("/api/vaults").header("cookie", format!("authjs.session-token={token}"))
}

async fn sign_in_again(app: &App, user: &User) -> String {
    let login = app.anonymous().post("/api/auth/login", &json!({ "email": user.email, "password": PASSWORD }));
    let response = Response::to(login).await.expect_status(200);
    let cookie = response.header("set-cookie").expect("a cookie");
    let token = cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).expect("a token").to_owned();
    app.forbid_leak_of(&token);
    token
}

#[tokio::test]
async fn without_a_session_the_session_route_returns_null() {
    let app = App::start().await;
    let response = Response::to(app.anonymous().get("/api/auth/session")).await.expect_status(200);
    assert_eq!(response.json(), Value::Null);
    assert_eq!(response.text, "null");
}

#[tokio::test]
async fn a_session_ends_when_it_expires_and_not_before() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("Kept").await;
    let set = async |expiry: &'static str| {
        let changed = sqlx::query(expiry).bind(&team.owner.id).execute(&app.db).await.expect("the session exists");
        assert_eq!(changed.rows_affected(), 1);
    };
    set("UPDATE sessions SET expires_at = now() + interval '1 minute' WHERE user_id = $1::uuid").await;
    team.owner.read("/api/vaults").await;

    set("UPDATE sessions SET expires_at = now() WHERE user_id = $1::uuid").await;
    // Expired by SQL, so the server notices at its next read of the session changes.
    let deadline = Instant::now() + Duration::from_secs(10);
    while team.owner.read("/api/auth/session").await != Value::Null {
        assert!(Instant::now() < deadline, "the session has expired but still works");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for request in [
        team.owner.get("/api/vaults"),
        team.owner.post("/api/vaults", &json!({ "name": "Late" })),
        team.post_source(&team.owner, "Late"),
        team.owner.delete(&source_path(&source)),
        team.owner.delete(&team.path("")),
    ] {
        app.assert_rejected(request, 401, "UNAUTHORIZED").await;
    }
    // Other users' sessions continue.
    team.viewer.read(&team.path("")).await;
}

#[tokio::test]
async fn a_forged_cookie_is_rejected() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    Response::to(with_token(&app, &ann.token)).await.expect_status(200);
    let hash: String = sqlx::query_scalar("SELECT encode(token_hash, 'hex') FROM sessions")
        .fetch_one(&app.db)
        .await
        .expect("one session");
    let shortened = &ann.token[1..];
    let extended = format!("{}A", ann.token);
    let (swapped, quoted) = (ann.token.to_ascii_uppercase(), format!("\"{}\"", ann.token));
    let sql = "' OR 1=1 --".to_owned();
    let guess = "A".repeat(ann.token.len());
    for forged in [&hash, &ann.id, shortened, &extended, &swapped, &quoted, &guess, &sql, ""] {
        app.assert_rejected(with_token(&app, forged), 401, "UNAUTHORIZED").await;
    }
    let other_name = app.anonymous().get("/api/vaults").header("cookie", format!("session-token={}", ann.token));
    app.assert_rejected(other_name, 401, "UNAUTHORIZED").await;
    let bearer = app.anonymous().get("/api/vaults").bearer_auth(&ann.token);
    app.assert_rejected(bearer, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn logging_out_ends_only_this_session_and_invalidates_copies_of_its_cookie() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let elsewhere = sign_in_again(&app, &ann).await;
    let logout = ann.request(Method::POST, "/api/auth/logout");
    let response = Response::to(logout).await.expect_status(204);
    let cookie = response.header("set-cookie").expect("a cookie that removes the session cookie");
    assert!(cookie.starts_with("authjs.session-token=;"), "{cookie}");
    for attribute in ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert_eq!(ann.read("/api/auth/session").await, Value::Null);
    app.assert_rejected(with_token(&app, &ann.token), 401, "UNAUTHORIZED").await;
    Response::to(with_token(&app, &elsewhere)).await.expect_status(200);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&app.db).await.expect("a count");
    assert_eq!(left, 1);
}

#[tokio::test]
async fn logging_out_without_a_session_succeeds_and_ends_no_other_session() {
    let app = App::start().await;
    app.user("Ann").await;
    let before = app.snapshot().await;
    for cookie in ["", "authjs.session-token=forged", "other=1"] {
        let request = app.anonymous().request(Method::POST, "/api/auth/logout").header("cookie", cookie);
        Response::to(request).await.expect_status(204);
    }
    assert_eq!(app.snapshot().await, before);
}

/// Scripts may set cookies with any characters, and browsers send them as UTF-8.
#[tokio::test]
async fn other_cookies_do_not_interfere_whatever_characters_they_contain() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let pair = format!("authjs.session-token={}", ann.token);
    for cookies in [
        format!("a=1; {pair}"),
        format!("{pair};b=2"),
        format!("a; =; {pair}; ;"),
        format!("a=x=y; {pair}"),
        format!("xauthjs.session-token=1; {pair}"),
        format!("theme=\"dark, blue\"; {pair}"),
        format!("city=Zürich; {pair}"),
    ] {
        let header = HeaderValue::from_bytes(cookies.as_bytes()).expect("a header");
        let response = Response::to(app.anonymous().get("/api/auth/session").header("cookie", header)).await;
        assert_eq!(response.expect_status(200).json()["user"]["name"], "Ann", "{cookies}");
    }
}

#[tokio::test]
async fn every_sign_in_gets_a_new_token() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let again = sign_in_again(&app, &ann).await;
    assert_ne!(again, ann.token);
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&app.db).await.expect("a count");
    assert_eq!(stored, 2);
}
