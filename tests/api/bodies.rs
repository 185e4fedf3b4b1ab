//! Invalid request bodies: not JSON, wrong types, unknown fields, too large.

use futures_util::stream;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{App, PASSWORD, Response, Team, source_path};

const LIMIT: usize = 64 * 1024;

/// Every route with a body, with a valid body.
async fn routes(team: &Team) -> Vec<(Method, String, Value)> {
    let source = source_path(&team.source("Kept").await);
    let new = json!({ "email": "new@example.com", "name": "New", "password": PASSWORD });
    let login = json!({ "email": team.owner.email, "password": PASSWORD });
    vec![
        (Method::POST, "/api/auth/register".to_owned(), new),
        (Method::POST, "/api/auth/login".to_owned(), login),
        (Method::POST, "/api/vaults".to_owned(), json!({ "name": "New" })),
        (Method::PATCH, team.path(""), json!({ "name": "New" })),
        (Method::POST, team.path("/members"), json!({ "email": team.stranger.email, "role": "viewer" })),
        (Method::PATCH, team.member_path(&team.viewer), json!({ "role": "contributor" })),
        (Method::POST, team.path("/sources"), json!({ "title": "New", "fileUrl": "https://example.com/" })),
        (Method::PATCH, source, json!({ "title": "New", "fileUrl": "https://example.com/" })),
    ]
}

/// The body, padded with spaces to `size` bytes.
fn padded(body: &Value, size: usize) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.resize(size, b' ');
    bytes
}

#[tokio::test]
async fn invalid_json_is_rejected_on_every_route() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (method, path, body) in routes(&team).await {
        let whole = body.to_string();
        let cut = whole[..whole.len() - 1].to_owned();
        let twice = format!("{whole}{whole}");
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        let texts = ["", " ", "{", "nonsense", "{'title':'x'}", "\u{feff}{}", "NaN", &cut, &twice, &deep];
        for text in texts {
            let request = team.owner.raw(method.clone(), &path, text.to_owned());
            app.assert_rejected(request, 400, "BAD_REQUEST").await;
        }
        for bytes in [&b"\xff\xfe"[..], b"{\"title\":\"\xc3\x28\"}", b"\x1f\x8b\x08\x00", b"\0"] {
            app.assert_rejected(team.owner.raw(method.clone(), &path, bytes.to_vec()), 400, "BAD_REQUEST").await;
        }
        let surrogate = r#"{"title":"\ud800","fileUrl":"https://example.com/","name":"\ud800"}"#;
        app.assert_rejected(team.owner.raw(method, &path, surrogate), 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn json_that_is_not_an_object_is_rejected_on_every_route() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (method, path, body) in routes(&team).await {
        for other in [json!(null), json!(true), json!(1), json!("x"), json!([]), json!([body])] {
            let request = team.owner.request(method.clone(), &path).json(&other);
            app.assert_rejected(request, 400, "BAD_REQUEST").await;
        }
    }
}

#[tokio::test]
async fn an_array_of_the_right_values_is_not_an_object() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("Kept").await);
    let requests: [RequestBuilder; 6] = [
        team.owner.post("/api/auth/register", &json!(["new@example.com", "New", PASSWORD])),
        team.owner.post("/api/vaults", &json!(["New"])),
        team.owner.post(&team.path("/sources"), &json!(["New", "https://example.com/"])),
        team.owner.post(&team.path("/members"), &json!([team.stranger.email, "viewer"])),
        team.owner.patch(&source, &json!(["New", "https://example.com/"])),
        team.owner.patch(&team.member_path(&team.viewer), &json!(["contributor"])),
    ];
    for request in requests {
        app.assert_rejected(request, 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn wrong_types_missing_and_unknown_fields_are_rejected_on_every_route() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (method, path, body) in routes(&team).await {
        let send = |body: &Value| team.owner.request(method.clone(), &path).json(body);
        let fields: Vec<String> = body.as_object().expect("an object").keys().cloned().collect();
        for field in &fields {
            for wrong in [json!(1), json!(true), json!(["x"]), json!({}), json!({ "viewer": null })] {
                let mut changed = body.clone();
                changed[field.as_str()] = wrong;
                app.assert_rejected(send(&changed), 400, "BAD_REQUEST").await;
            }
            // Every field is required, except in a source change.
            if !path.starts_with("/api/sources") {
                for missing in [None, Some(Value::Null)] {
                    let mut changed = body.clone();
                    let object = changed.as_object_mut().expect("an object");
                    object.remove(field);
                    object.extend(missing.map(|null| (field.clone(), null)));
                    app.assert_rejected(send(&changed), 400, "BAD_REQUEST").await;
                }
            }
            let again = body.to_string().replacen('{', &format!("{{\"{field}\":{},", body[field.as_str()]), 1);
            app.assert_rejected(team.owner.raw(method.clone(), &path, again), 400, "BAD_REQUEST").await;
        }
        for unknown in ["id", "version", "createdAt", "vaultId", "file_url", "Title", "__proto__", ""] {
            let mut changed = body.clone();
            changed[unknown] = json!("x");
            app.assert_rejected(send(&changed), 400, "BAD_REQUEST").await;
        }
    }
}

#[tokio::test]
async fn an_empty_change_is_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("Kept").await);
    for nothing in [json!({}), json!({ "title": null }), json!({ "title": null, "fileUrl": null })] {
        app.assert_rejected(team.owner.patch(&source, &nothing), 400, "BAD_REQUEST").await;
    }
    app.assert_rejected(team.owner.patch(&team.path(""), &json!({})), 400, "BAD_REQUEST").await;
    app.assert_rejected(team.owner.patch(&team.member_path(&team.viewer), &json!({})), 400, "BAD_REQUEST").await;
}

#[tokio::test]
async fn a_body_of_64_kib_is_accepted_and_a_larger_one_rejected_on_every_route() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (method, path, body) in routes(&team).await {
        let send = |size| team.owner.raw(method.clone(), &path, padded(&body, size));
        app.assert_rejected(send(LIMIT + 1), 413, "TOO_LARGE").await;
        app.assert_rejected(send(16 * LIMIT), 413, "TOO_LARGE").await;
        // Chunked, so the length is not known in advance.
        let chunks = [padded(&body, LIMIT), vec![b' '; 1]].map(Ok::<_, std::io::Error>);
        let unannounced = reqwest::Body::wrap_stream(stream::iter(chunks));
        app.assert_rejected(team.owner.raw(method.clone(), &path, unannounced), 413, "TOO_LARGE").await;

        let response = Response::to(send(LIMIT)).await;
        assert!(response.status.is_success(), "{response}");
    }
}

#[tokio::test]
async fn a_large_body_within_the_limit_is_checked_by_field() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let frame = json!({ "title": "", "fileUrl": "https://example.com/" }).to_string().len();
    let body = json!({ "title": "x".repeat(LIMIT - frame), "fileUrl": "https://example.com/" });
    assert_eq!(body.to_string().len(), LIMIT);
    let document = app.assert_rejected(team.owner.post(&team.path("/sources"), &body), 422, "INVALID").await;
    assert_eq!(document["field"], "title");
}

#[tokio::test]
async fn bodies_not_declared_as_json_are_rejected_on_every_route() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (method, path, body) in routes(&team).await {
        for declared in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"] {
            let request = team.owner.request(method.clone(), &path).body(body.to_string());
            app.assert_rejected(request.header("content-type", declared), 415, "NOT_JSON").await;
        }
        let undeclared = team.owner.request(method.clone(), &path).body(body.to_string());
        app.assert_rejected(undeclared, 415, "NOT_JSON").await;
    }
    let declared = team.owner.request(Method::POST, "/api/vaults").body(r#"{"name":"Declared"}"#);
    let declared = declared.header("content-type", "application/json; charset=utf-8");
    app.assert_appends(&team.owner, declared, 201, "vault:created").await;
}
