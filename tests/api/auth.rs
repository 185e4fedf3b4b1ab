//! Registering and signing in: what is answered, what is stored, what is refused.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, App, PASSWORD, is_time};

fn registration(email: &str) -> Value {
    json!({ "email": email, "name": "Ann", "password": PASSWORD })
}

fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

#[tokio::test]
async fn registering_answers_with_the_user_and_stores_the_password_as_argon2id() {
    let app = App::start().await;
    let client = app.anyone();
    let answer = Answer::to(client.post("/api/auth/register", &registration("Ann@Example.com"))).await;
    let answer = answer.expect_status(201);
    let (id, email, name, hash): (String, String, String, String) =
        sqlx::query_as("SELECT id::text, email, name, password_hash FROM users").fetch_one(&app.db).await.expect("one");
    assert_eq!(answer.json(), json!({ "user": { "id": id, "name": "Ann", "email": "Ann@Example.com" } }));
    assert_eq!((email.as_str(), name.as_str()), ("Ann@Example.com", "Ann"));
    assert!(hash.starts_with("$argon2id$v=19$m="), "{hash}");
    assert!(!app.snapshot().await.join("\n").contains(PASSWORD));
    // Registering is not signing in.
    assert_eq!(answer.header("set-cookie"), None);
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
async fn signing_in_answers_with_the_session_and_sets_a_cookie_that_scripts_cannot_read() {
    let app = App::start_with(&["--session-lifetime-s", "3600"]).await;
    let client = app.anyone();
    Answer::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    let before = Utc::now();
    // The address is one without regard to case.
    let login = client.post("/api/auth/login", &credentials("ANN@example.COM", PASSWORD));
    let answer = Answer::to(login).await.expect_status(200);

    let session = answer.json();
    let id: String = sqlx::query_scalar("SELECT id::text FROM users").fetch_one(&app.db).await.expect("one user");
    let user = json!({ "id": id, "name": "Ann", "email": "ann@example.com" });
    assert_eq!(session, json!({ "user": user, "expires": session["expires"] }));
    assert!(is_time(&session["expires"]));
    let expires: DateTime<Utc> = session["expires"].as_str().expect("a time").parse().expect("a time");
    let lifetime = expires - before;
    assert!((3590..=3610).contains(&lifetime.num_seconds()), "{lifetime}");

    let cookie = answer.header("set-cookie").expect("a cookie");
    let mut attributes = cookie.split("; ");
    let (name, token) = attributes.next().and_then(|pair| pair.split_once('=')).expect("name and value");
    assert_eq!(name, "authjs.session-token");
    assert!(token.len() >= 43, "{token} has less than 256 bits");
    let mut attributes: Vec<_> = attributes.collect();
    attributes.sort_unstable();
    assert_eq!(attributes, ["HttpOnly", "Max-Age=3600", "Path=/", "SameSite=Lax"]);

    // Only the hash is stored; and the cookie is all that is needed, also without a cookie jar.
    let stored: Vec<u8> = sqlx::query_scalar("SELECT token_hash FROM sessions").fetch_one(&app.db).await.expect("one");
    assert_eq!(stored, Sha256::digest(token).to_vec());
    assert!(!app.snapshot().await.join("\n").contains(token));
    assert!(!answer.text.contains(token));
    let header = format!("theme=dark; authjs.session-token={token}; x=y");
    let read = Answer::to(app.anyone().get("/api/auth/session").header("cookie", header)).await.expect_status(200);
    assert_eq!(read.json(), session);
    assert_eq!(client.read("/api/auth/session").await, session);
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure_and_its_name_says_so() {
    let app = App::start_with(&["--public-url", "https://sync.example.com"]).await;
    let client = app.anyone();
    Answer::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    let login = client.post("/api/auth/login", &credentials("ann@example.com", PASSWORD));
    let answer = Answer::to(login).await.expect_status(200);
    let cookie = answer.header("set-cookie").expect("a cookie");
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    let token = pair.strip_prefix("__Secure-authjs.session-token=").expect("the prefix that browsers check");
    assert!(attributes.split("; ").any(|attribute| attribute == "Secure"), "{cookie}");
    assert!(attributes.split("; ").any(|attribute| attribute == "HttpOnly"), "{cookie}");
    app.guard(token);

    let read = async |name: &str| {
        let request = app.anyone().get("/api/auth/session").header("cookie", format!("{name}={token}"));
        Answer::to(request).await.expect_status(200).json()
    };
    assert_eq!(read("__Secure-authjs.session-token").await["user"]["name"], "Ann");
    // Without the prefix anyone on the way could have set it.
    assert_eq!(read("authjs.session-token").await, Value::Null);
    let vaults = app.anyone().get("/api/vaults").header("cookie", format!("authjs.session-token={token}"));
    app.refuses(vaults, 401, "UNAUTHORIZED").await;
}

#[tokio::test]
async fn an_address_is_registered_once_whatever_the_case_of_its_letters() {
    let app = App::start().await;
    let client = app.anyone();
    Answer::to(client.post("/api/auth/register", &registration("ann@example.com"))).await.expect_status(201);
    for again in ["ann@example.com", "Ann@Example.COM"] {
        app.refuses(client.post("/api/auth/register", &registration(again)), 409, "EMAIL_TAKEN").await;
    }
}

#[tokio::test]
async fn two_registrations_at_once_make_one_user() {
    let app = App::start().await;
    let client = app.anyone();
    let (lower, upper) = (registration("ann@example.com"), registration("ANN@example.com"));
    let (one, other) = tokio::join!(
        Answer::to(client.post("/api/auth/register", &lower)),
        Answer::to(client.post("/api/auth/register", &upper))
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_refused_alike() {
    let app = App::start().await;
    app.user("Ann").await;
    let client = app.anyone();
    let mut documents = Vec::new();
    for (email, password) in [
        ("ann@example.com", "not her password"),
        ("nobody@example.com", PASSWORD),
        ("ann@example.com", ""),
        ("ann\0@example.com", PASSWORD),
        ("", ""),
    ] {
        let login = client.post("/api/auth/login", &credentials(email, password));
        let (answer, mut document) = app.refuses_fully(login, 401, "BAD_CREDENTIALS").await;
        assert_eq!(answer.header("set-cookie"), None);
        document["requestId"].take();
        documents.push(document);
    }
    documents.dedup();
    assert_eq!(documents.len(), 1, "{documents:?}");
}

#[tokio::test]
async fn registrations_that_break_a_rule_are_refused_by_the_field() {
    let app = App::start().await;
    let client = app.anyone();
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
        let document = app.refuses(client.post("/api/auth/register", &body), 422, "INVALID").await;
        assert_eq!(document["field"], field, "{change}");
    }
    // The longest that are allowed.
    let body = json!({ "email": &long[1..], "name": "é".repeat(100), "password": "x".repeat(200) });
    let answer = Answer::to(client.post("/api/auth/register", &body)).await.expect_status(201);
    assert_eq!(answer.json()["user"]["name"], "é".repeat(100));
}
