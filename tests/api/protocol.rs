//! HTTP aspects of all routes: unknown routes, wrong methods, invalid ids, and the two health routes.

use std::collections::HashSet;

use reqwest::Method;
use serde_json::json;

use crate::harness::{App, Event, Response, Team, UNKNOWN_ID, source_path};

#[tokio::test]
async fn unknown_routes_return_problem_documents() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let vault = team.path("");
    let paths = [
        "/api",
        "/api/",
        "/api/nothing",
        "/api/auth",
        "/api/auth/register/",
        "/api/vaults/",
        "/API/VAULTS",
        "/api/sources",
        "/api/sources/",
        "/api/vault",
        "/healthz/",
        "/favicon.ico",
        "/api//vaults",
        "/api/vaults/../vaults/x/y",
        &format!("{vault}/"),
        &format!("{vault}/nothing"),
        &format!("{vault}/sources/{UNKNOWN_ID}"),
        &format!("{vault}/members/{UNKNOWN_ID}/x"),
        "/'%20OR%201=1",
        "/%00",
        "/<script>",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            app.assert_rejected(team.owner.request(method, path), 404, "NOT_FOUND").await;
        }
    }
}

#[tokio::test]
async fn a_wrong_method_returns_405_with_the_allowed_methods() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let routes = [
        ("/api/auth/register".to_owned(), &["POST"][..]),
        ("/api/auth/login".to_owned(), &["POST"]),
        ("/api/auth/logout".to_owned(), &["POST"]),
        ("/api/auth/session".to_owned(), &["GET"]),
        ("/api/vaults".to_owned(), &["GET", "POST"]),
        (team.path(""), &["GET", "PATCH", "DELETE"]),
        (team.path("/members"), &["GET", "POST"]),
        (team.member_path(&team.viewer), &["PATCH", "DELETE"]),
        (team.path("/sources"), &["GET", "POST"]),
        (team.path("/events"), &["GET"]),
        (format!("/api/sources/{UNKNOWN_ID}"), &["GET", "PATCH", "DELETE"]),
        ("/healthz".to_owned(), &["GET"]),
        ("/readyz".to_owned(), &["GET"]),
    ];
    for (path, allowed) in routes {
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        for method in methods.into_iter().filter(|method| !allowed.contains(&method.as_str())) {
            let request = team.owner.request(method, &path);
            let (response, _) = app.assert_rejected_with_response(request, 405, "METHOD_NOT_ALLOWED").await;
            let allow = response.header("allow").unwrap_or_else(|| panic!("{response} has no Allow"));
            let allow: HashSet<&str> = allow.split(',').map(str::trim).collect();
            // A server may add HEAD and OPTIONS.
            let wanted: HashSet<&str> = allowed.iter().copied().collect();
            let beyond: Vec<_> = allow.difference(&wanted).filter(|name| !["HEAD", "OPTIONS"].contains(name)).collect();
            assert!(allow.is_superset(&wanted) && beyond.is_empty(), "{response} allows {allow:?}, not {wanted:?}");
        }
    }
}

#[tokio::test]
async fn ids_that_are_not_uuids_are_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let cut = &team.vault[1..];
    let long = format!("{}0", team.vault);
    for bad in ["1", "x", cut, &long, "%00", "%ff", "%20", "'--", "null", &"9".repeat(2000), "%2e%2e%2fvaults"] {
        let vault = format!("/api/vaults/{bad}");
        let name = json!({ "name": "x" });
        let source = json!({ "title": "x", "fileUrl": "https://example.com/" });
        let member = json!({ "email": team.stranger.email, "role": "viewer" });
        let role = json!({ "role": "viewer" });
        for request in [
            team.owner.get(&vault),
            team.owner.patch(&vault, &name),
            team.owner.delete(&vault),
            team.owner.get(&format!("{vault}/members")),
            team.owner.post(&format!("{vault}/members"), &member),
            team.owner.patch(&format!("{vault}/members/{}", team.viewer.id), &role),
            team.owner.delete(&format!("{vault}/members/{}", team.viewer.id)),
            team.owner.patch(&team.path(&format!("/members/{bad}")), &role),
            team.owner.delete(&team.path(&format!("/members/{bad}"))),
            team.owner.get(&format!("{vault}/sources")),
            team.owner.post(&format!("{vault}/sources"), &source),
            team.owner.get(&format!("{vault}/events")),
            team.owner.get(&format!("/api/sources/{bad}")),
            team.owner.patch(&format!("/api/sources/{bad}"), &json!({ "title": "x" })),
            team.owner.delete(&format!("/api/sources/{bad}")),
        ] {
            app.assert_rejected(request, 400, "BAD_REQUEST").await;
        }
    }
}

#[tokio::test]
async fn every_request_gets_a_new_id_even_if_the_client_sends_one() {
    let app = App::start().await;
    let mut ids = HashSet::new();
    for path in ["/healthz", "/readyz", "/api/auth/session", "/api/vaults", "/nothing", "/api/vaults"] {
        let response = Response::to(app.anonymous().get(path).header("x-request-id", "mine")).await;
        assert!(ids.insert(response.header("x-request-id").expect("an id").to_owned()), "{ids:?}");
    }
    assert!(!ids.contains("mine"));
}

#[tokio::test]
async fn health_and_readiness_are_reported() {
    let app = App::start().await;
    let alive = app.anonymous().read("/healthz").await;
    assert_eq!(alive["status"], "ok");
    assert_eq!(alive["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(alive["commit"], outbox_worker::version::commit());
    assert_eq!(app.anonymous().read("/readyz").await["status"], "ready");
}

#[tokio::test]
async fn reads_write_nothing_and_have_no_seq_header() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    let before = (app.snapshot().await, Event::all(&app.db).await);
    for path in [
        "/api/vaults".to_owned(),
        "/api/auth/session".to_owned(),
        team.path(""),
        team.path("/members"),
        team.path("/sources"),
        team.path("/events"),
        source_path(&source),
    ] {
        let response = Response::to(team.viewer.get(&path)).await.expect_status(200);
        assert_eq!(response.header("x-vault-seq"), None, "{response}");
    }
    assert_eq!((app.snapshot().await, Event::all(&app.db).await), before);
}
