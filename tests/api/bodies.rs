//! Bodies that are not what was asked for: not JSON, the wrong types, unknown fields, too large.

use futures_util::stream;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, App, PASSWORD, Team, source_path};

const LIMIT: usize = 64 * 1024;

/// Every route that takes a body, with a body that it takes.
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

/// The body with blanks after it, `size` bytes in all.
fn padded(body: &Value, size: usize) -> Vec<u8> {
    let mut bytes = body.to_string().into_bytes();
    bytes.resize(size, b' ');
    bytes
}

#[tokio::test]
async fn what_is_not_json_is_refused_on_every_route() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (method, path, body) in routes(&team).await {
        let whole = body.to_string();
        let cut = whole[..whole.len() - 1].to_owned();
        let twice = format!("{whole}{whole}");
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
        let texts = ["", " ", "{", "nonsense", "{'title':'x'}", "\u{feff}{}", "NaN", &cut, &twice, &deep];
        for text in texts {
            let request = team.owner.raw(method.clone(), &path, text.to_owned());
            app.refuses(request, 400, "BAD_REQUEST").await;
        }
        for bytes in [&b"\xff\xfe"[..], b"{\"title\":\"\xc3\x28\"}", b"\x1f\x8b\x08\x00", b"\0"] {
            app.refuses(team.owner.raw(method.clone(), &path, bytes.to_vec()), 400, "BAD_REQUEST").await;
        }
        let surrogate = r#"{"title":"\ud800","fileUrl":"https://example.com/","name":"\ud800"}"#;
        app.refuses(team.owner.raw(method, &path, surrogate), 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn json_that_is_no_object_is_refused_on_every_route() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (method, path, body) in routes(&team).await {
        for other in [json!(null), json!(true), json!(1), json!("x"), json!([]), json!([body])] {
            let request = team.owner.request(method.clone(), &path).json(&other);
            app.refuses(request, 400, "BAD_REQUEST").await;
        }
    }
}

#[tokio::test]
async fn an_array_of_the_right_values_is_no_object() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
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
        app.refuses(request, 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn wrong_types_missing_and_unknown_fields_are_refused_on_every_route() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (method, path, body) in routes(&team).await {
        let send = |body: &Value| team.owner.request(method.clone(), &path).json(body);
        let fields: Vec<String> = body.as_object().expect("an object").keys().cloned().collect();
        for field in &fields {
            for wrong in [json!(1), json!(true), json!(["x"]), json!({}), json!({ "viewer": null })] {
                let mut changed = body.clone();
                changed[field.as_str()] = wrong;
                app.refuses(send(&changed), 400, "BAD_REQUEST").await;
            }
            // Each field is needed, except where a source is changed.
            if !path.starts_with("/api/sources") {
                for missing in [None, Some(Value::Null)] {
                    let mut changed = body.clone();
                    let object = changed.as_object_mut().expect("an object");
                    object.remove(field);
                    object.extend(missing.map(|null| (field.clone(), null)));
                    app.refuses(send(&changed), 400, "BAD_REQUEST").await;
                }
            }
            let again = body.to_string().replacen('{', &format!("{{\"{field}\":{},", body[field.as_str()]), 1);
            app.refuses(team.owner.raw(method.clone(), &path, again), 400, "BAD_REQUEST").await;
        }
        for unknown in ["id", "version", "createdAt", "vaultId", "file_url", "Title", "__proto__", ""] {
            let mut changed = body.clone();
            changed[unknown] = json!("x");
            app.refuses(send(&changed), 400, "BAD_REQUEST").await;
        }
    }
}

#[tokio::test]
async fn a_change_of_nothing_is_refused() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let source = source_path(&team.source("Kept").await);
    for nothing in [json!({}), json!({ "title": null }), json!({ "title": null, "fileUrl": null })] {
        app.refuses(team.owner.patch(&source, &nothing), 400, "BAD_REQUEST").await;
    }
    app.refuses(team.owner.patch(&team.path(""), &json!({})), 400, "BAD_REQUEST").await;
    app.refuses(team.owner.patch(&team.member_path(&team.viewer), &json!({})), 400, "BAD_REQUEST").await;
}

#[tokio::test]
async fn a_body_is_read_up_to_64_kib_and_refused_beyond_on_every_route() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (method, path, body) in routes(&team).await {
        let send = |size| team.owner.raw(method.clone(), &path, padded(&body, size));
        app.refuses(send(LIMIT + 1), 413, "TOO_LARGE").await;
        app.refuses(send(16 * LIMIT), 413, "TOO_LARGE").await;
        // Without a length that could be checked beforehand.
        let chunks = [padded(&body, LIMIT), vec![b' '; 1]].map(Ok::<_, std::io::Error>);
        let unannounced = reqwest::Body::wrap_stream(stream::iter(chunks));
        app.refuses(team.owner.raw(method.clone(), &path, unannounced), 413, "TOO_LARGE").await;

        let answer = Answer::to(send(LIMIT)).await;
        assert!(answer.status.is_success(), "{answer}");
    }
}

#[tokio::test]
async fn a_large_body_within_the_limit_is_judged_by_its_fields() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let frame = json!({ "title": "", "fileUrl": "https://example.com/" }).to_string().len();
    let body = json!({ "title": "x".repeat(LIMIT - frame), "fileUrl": "https://example.com/" });
    assert_eq!(body.to_string().len(), LIMIT);
    let document = app.refuses(team.owner.post(&team.path("/sources"), &body), 422, "INVALID").await;
    assert_eq!(document["field"], "title");
}

#[tokio::test]
async fn bodies_not_declared_as_json_are_refused_on_every_route() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (method, path, body) in routes(&team).await {
        for declared in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json"] {
            let request = team.owner.request(method.clone(), &path).body(body.to_string());
            app.refuses(request.header("content-type", declared), 415, "NOT_JSON").await;
        }
        let undeclared = team.owner.request(method.clone(), &path).body(body.to_string());
        app.refuses(undeclared, 415, "NOT_JSON").await;
    }
    let declared = team.owner.request(Method::POST, "/api/vaults").body(r#"{"name":"Declared"}"#);
    let declared = declared.header("content-type", "application/json; charset=utf-8");
    app.writes(&team.owner, declared, 201, "vault:created").await;
}
