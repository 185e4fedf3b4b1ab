//! What a session opens, and what ends it.

use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, App, PASSWORD, Team, User, source_path};

/// With this token as the session cookie, and without any cookie of the client's own.
fn with_token(app: &App, token: &str) -> RequestBuilder {
    app.anyone().get("/api/vaults").header("cookie", format!("authjs.session-token={token}"))
}

async fn sign_in_again(app: &App, user: &User) -> String {
    let login = app.anyone().post("/api/auth/login", &json!({ "email": user.email, "password": PASSWORD }));
    let answer = Answer::to(login).await.expect_status(200);
    let cookie = answer.header("set-cookie").expect("a cookie");
    let token = cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).expect("a token").to_owned();
    app.guard(&token);
    token
}

#[tokio::test]
async fn signed_out_the_session_is_null() {
    let app = App::start().await;
    let answer = Answer::to(app.anyone().get("/api/auth/session")).await.expect_status(200);
    assert_eq!(answer.json(), Value::Null);
    assert_eq!(answer.text, "null");
}

#[tokio::test]
async fn a_session_ends_at_its_time_and_not_before() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let source = team.source("Kept").await;
    let set = async |expiry: &'static str| {
        let changed = sqlx::query(expiry).bind(&team.owner.id).execute(&app.db).await.expect("the session is there");
        assert_eq!(changed.rows_affected(), 1);
    };
    set("UPDATE sessions SET expires_at = now() + interval '1 minute' WHERE user_id = $1::uuid").await;
    team.owner.read("/api/vaults").await;

    set("UPDATE sessions SET expires_at = now() WHERE user_id = $1::uuid").await;
    // Ended behind the server's back: it learns of that with its next look at the changes.
    let deadline = Instant::now() + Duration::from_secs(10);
    while team.owner.read("/api/auth/session").await != Value::Null {
        assert!(Instant::now() < deadline, "the session is over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for request in [
        team.owner.get("/api/vaults"),
        team.owner.post("/api/vaults", &json!({ "name": "Late" })),
        team.post_source(&team.owner, "Late"),
        team.owner.delete(&source_path(&source)),
        team.owner.delete(&team.path("")),
    ] {
        app.refuses(request, 401, "UNAUTHORIZED").await;
    }
    // The others' sessions go on.
    team.viewer.read(&team.path("")).await;
}

#[tokio::test]
async fn a_forged_cookie_opens_nothing() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    Answer::to(with_token(&app, &ann.token)).await.expect_status(200);
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
        // What is refused here may hold a part of the token, never the whole of it, in no case.
        app.refuses(with_token(&app, forged), 401, "UNAUTHORIZED").await;
    }
    let other_name = app.anyone().get("/api/vaults").header("cookie", format!("session-token={}", ann.token));
    app.refuses(other_name, 401, "UNAUTHORIZED").await;
    let bearer = app.anyone().get("/api/vaults").bearer_auth(&ann.token);
    app.refuses(bearer, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn logging_out_ends_this_session_alone_also_for_a_copy_of_its_cookie() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let elsewhere = sign_in_again(&app, &ann).await;
    let logout = ann.request(Method::POST, "/api/auth/logout");
    let answer = Answer::to(logout).await.expect_status(204);
    let cookie = answer.header("set-cookie").expect("the cookie is taken back");
    assert!(cookie.starts_with("authjs.session-token=;"), "{cookie}");
    for attribute in ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert_eq!(ann.read("/api/auth/session").await, Value::Null);
    app.refuses(with_token(&app, &ann.token), 401, "UNAUTHORIZED").await;
    Answer::to(with_token(&app, &elsewhere)).await.expect_status(200);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&app.db).await.expect("a count");
    assert_eq!(left, 1);
}

#[tokio::test]
async fn logging_out_without_a_session_is_no_error_and_ends_nobody_elses() {
    let app = App::start().await;
    app.user("Ann").await;
    let before = app.snapshot().await;
    for cookie in ["", "authjs.session-token=forged", "other=1"] {
        let request = app.anyone().request(Method::POST, "/api/auth/logout").header("cookie", cookie);
        Answer::to(request).await.expect_status(204);
    }
    assert_eq!(app.snapshot().await, before);
}

/// Scripts may set cookies of any letters, and browsers send them as UTF-8.
#[tokio::test]
async fn other_cookies_do_not_get_in_the_way_whatever_their_letters() {
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
        let answer = Answer::to(app.anyone().get("/api/auth/session").header("cookie", header)).await;
        assert_eq!(answer.expect_status(200).json()["user"]["name"], "Ann", "{cookies}");
    }
}

#[tokio::test]
async fn every_sign_in_has_a_token_of_its_own() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let again = sign_in_again(&app, &ann).await;
    assert_ne!(again, ann.token);
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM sessions").fetch_one(&app.db).await.expect("a count");
    assert_eq!(stored, 2);
}
