//! Registration and login: responses, stored data, rejections.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{App, PASSWORD, Response, is_time};

fn registration(email: &str) -> Value {
    json!({ "email": email, "name": "Ann", "password": PASSWORD })
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn registering_returns_the_user_and_stores_the_password_as_argon2id() {
    let app = App::start().await;
    let client = app.anonymous();
    let response = Response::to(client.post("/api/auth/register", &registration("Ann@Example.com"))).await;
    let response = response.expect_status(201);
    let (id, email, name, hash): (String, String, String, String) =
        sqlx::query_as("SELECT id::text, email, name, password_hash FROM users").fetch_one(&app.db).await.expect("one");
    assert_eq!(response.json(), json!({ "user": { "id": id, "name": "Ann", "email": "Ann@Example.com" } }));
    assert_eq!((email.as_str(), name.as_str()), ("Ann@Example.com", "Ann"));
    assert!(hash.starts_with("$argon2id$v=19$m="), "{hash}");
    assert!(!app.snapshot().await.join("\n").contains(PASSWORD));
    // Registering does not sign in.
    assert_eq!(response.header("set-cookie"), None);
    assert_eq!(client.read("/api/auth/session").await, Value::Null);
}

#[tokio::test]
async fn equal_passwords_have_different_hashes() {
    let app = App::start().await;
    tokio::join!(app.user("Ann"), app.user("Bob"));
    let hashes: i64 =
        sqlx::query_scalar("SELECT count(DISTINCT password_hash) FROM users").fetch_one(&app.db).await.expect("hashes");
    assert_eq!(hashes, 2);
}

#[tokio::test]
async fn signing_in_returns_the_session_and_sets_a_cookie_that_scripts_cannot_read() {
    let app = App::start_with(&["--session-lifetime-s", "3600"]).await;
    let client = app.anonymous();
    Response::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    let before = Utc::now();
    // Email addresses are compared case-insensitively.
    let login = client.post("/api/auth/login", &credentials("ANN@example.COM", PASSWORD));
    let response = Response::to(login).await.expect_status(200);

    let session = response.json();
    let id: String = sqlx::query_scalar("SELECT id::text FROM users").fetch_one(&app.db).await.expect("one user");
    let user = json!({ "id": id, "name": "Ann", "email": "ann@example.com" });
    assert_eq!(session, json!({ "user": user, "expires": session["expires"] }));
    assert!(is_time(&session["expires"]));
    let expires: DateTime<Utc> = session["expires"].as_str().expect("a time").parse().expect("a time");
    let lifetime = expires - before;
    assert!((3590..=3610).contains(&lifetime.num_seconds()), "{lifetime}");

    let cookie = response.header("set-cookie").expect("a cookie");
    let mut attributes = cookie.split("; ");
    let (name, token) = attributes.next().and_then(|pair| pair.split_once('=')).expect("name and value");
    assert_eq!(name, "authjs.session-token");
    assert!(token.len() >= 43, "{token} has fewer than 256 bits");
    let mut attributes: Vec<_> = attributes.collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=3600", "Path=/", "SameSite=Lax"]);

    // Only the hash is stored. The cookie alone identifies the session.
    let stored: Vec<u8> = sqlx::query_scalar("SELECT token_hash FROM sessions").fetch_one(&app.db).await.expect("one");
    assert_eq!(stored, Sha256::digest(token).to_vec());
    assert!(!app.snapshot().await.join("\n").contains(token));
    assert!(!response.text.contains(token));
    let header = format!("theme=dark; authjs.session-token={token}; x=y");
    let read = Response::to(app.anonymous().get("/api/auth/session").header("cookie", header)).await.expect_status(200);
    assert_eq!(read.json(), session);
    assert_eq!(client.read("/api/auth/session").await, session);
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure_and_has_the_secure_prefix() {
    let app = App::start_with(&["--public-url", "https://sync.example.com"]).await;
    let client = app.anonymous();
    Response::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    let login = client.post("/api/auth/login", &credentials("ann@example.com", PASSWORD));
    let response = Response::to(login).await.expect_status(200);
    let cookie = response.header("set-cookie").expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    let token = pair.strip_prefix("__Secure-authjs.session-token=").expect("the prefix that browsers enforce");
    assert!(attributes.split("; ").any(|attribute| attribute == "Secure"), "{cookie}");
    assert!(attributes.split("; ").any(|attribute| attribute == "HttpOnly"), "{cookie}");
    app.forbid_leak_of(token);

    let read = async |name: &str| {
        let request = app.anonymous().get("/api/auth/session").header("cookie", format!("{name}={token}"));
        Response::to(request).await.expect_status(200).json()
    };
    assert_eq!(read("__Secure-authjs.session-token").await["user"]["name"], "Ann");
    // A cookie without the prefix could come from anyone on the network path.
    assert_eq!(read("authjs.session-token").await, Value::Null);
    let vaults = app.anonymous().get("/api/vaults").header("cookie", format!("authjs.session-token={token}"));
    app.assert_rejected(vaults, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn an_email_address_is_registered_once_regardless_of_case() {
    let app = App::start().await;
    let client = app.anonymous();
    Response::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    for again in ["ann@example.com", "Ann@Example.COM"] {
        app.assert_rejected(client.post("/api/auth/register", &registration(again)), 409, "EMAIL_TAKEN").await;
    }
}

#[tokio::test]
async fn two_concurrent_registrations_create_one_user() {
    let app = App::start().await;
    let client = app.anonymous();
    let (lower, upper) = (registration("ann@example.com"), registration("ANN@example.com"));
    let (one, other) = tokio::join!(
        Response::to(client.post("/api/auth/register", &lower)),
        Response::to(client.post("/api/auth/register", &upper))
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_response() {
    let app = App::start().await;
    app.user("Ann").await;
    let client = app.anonymous();
    let mut documents = Vec::new();
    for (email, password) in [
        ("ann@example.com", "not her password"),
        ("nobody@example.com", PASSWORD),
        ("ann@example.com", ""),
        ("ann\0@example.com", PASSWORD),
        ("", ""),
    ] {
        let login = client.post("/api/auth/login", &credentials(email, password));
        let (response, mut document) = app.assert_rejected_with_response(login, 401, "BAD_CREDENTIALS").await;
        assert_eq!(response.header("set-cookie"), None);
        document["requestId"].take();
        documents.push(document);
    }
    documents.dedup();
    assert_eq!(documents.len(), 1, "{documents:?}");
}

#[tokio::test]
async fn invalid_registrations_are_rejected_by_field() {
    let app = App::start().await;
    let client = app.anonymous();
    let long = format!("{}@example.com", "a".repeat(243));
    for (change, field) in [
        (json!({ "email": "ann" }), "email"),
        (json!({ "email": "@example.com" }), "email"),
        (json!({ "email": "ann@" }), "email"),
        (json!({ "email": "an n@example.com" }), "email"),
        (json!({ "email": "ann\u{0}@example.com" }), "email"),
        (json!({ "email": long }), "email"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\u{0}b" }), "name"),
        (json!({ "name": "é".repeat(101) }), "name"),
        (json!({ "password": "1234567" }), "password"),
        (json!({ "password": "x".repeat(201) }), "password"),
    ] {
        let mut body = registration("ann@example.com");
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let document = app.assert_rejected(client.post("/api/auth/register", &body), 422, "INVALID").await;
        assert_eq!(document["field"], field, "{change}");
    }
    // The maximum lengths are accepted.
    let body = json!({ "email": &long[1..], "name": "é".repeat(100), "password": "x".repeat(200) });
    let response = Response::to(client.post("/api/auth/register", &body)).await.expect_status(201);
    assert_eq!(response.json()["user"]["name"], "é".repeat(100));
}
