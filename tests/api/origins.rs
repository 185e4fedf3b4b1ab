//! Pages of other origins cannot change anything on behalf of a user.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::harness::{App, PASSWORD, Response, Team, source_path};

const FOREIGN: &str = "https://evil.example";

#[tokio::test]
async fn every_mutation_from_a_foreign_origin_is_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("Kept").await);
    let owner = &team.owner;
    let new = json!({ "email": "eve@example.com", "name": "Eve", "password": PASSWORD });
    let login = json!({ "email": owner.email, "password": PASSWORD });
    let requests: [RequestBuilder; 12] = [
        owner.post("/api/auth/register", &new),
        owner.post("/api/auth/login", &login),
        owner.request(Method::POST, "/api/auth/logout"),
        owner.post("/api/vaults", &json!({ "name": "Theirs" })),
        owner.patch(&team.path(""), &json!({ "name": "Theirs" })),
        owner.delete(&team.path("")),
        owner.post(&team.path("/members"), &json!({ "email": team.stranger.email, "role": "owner" })),
        owner.patch(&team.member_path(&team.viewer), &json!({ "role": "owner" })),
        owner.delete(&team.member_path(&team.viewer)),
        team.post_source(owner, "Theirs"),
        owner.patch(&source, &json!({ "title": "Theirs" })),
        owner.delete(&source),
    ];
    for request in requests {
        app.assert_rejected(request.header("origin", FOREIGN), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn an_origin_that_differs_in_any_part_is_foreign() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let own = app.base().to_owned();
    let port: u16 = own.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let other_port = format!("http://127.0.0.1:{}", if port == 9999 { 9998 } else { 9999 });
    let suffixed = format!("{own}.evil.example");
    for origin in ["null", "", "http://127.0.0.1", "http://localhost:3000", &other_port, &suffixed, "not a url"] {
        app.assert_rejected(team.post_source(&team.owner, "x").header("origin", origin), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn the_servers_own_origin_and_a_missing_origin_are_accepted() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let from_own_page = team.post_source(&team.owner, "From its own page").header("origin", app.base());
    app.assert_appends(&team.owner, from_own_page, 201, "source:created").await;
    app.assert_appends(&team.owner, team.post_source(&team.owner, "From curl"), 201, "source:created").await;
    let logout = team.viewer.request(Method::POST, "/api/auth/logout").header("origin", app.base());
    Response::to(logout).await.expect_status(204);
}

#[tokio::test]
async fn allowed_origins_and_the_public_origin_are_accepted() {
    let flags = ["--allowed-origins", "https://app.example.com,https://two.example.com"];
    let app = App::start_with(&[flags[0], flags[1], "--public-url", "http://sync.example.com"]).await;
    let team = Team::create(&app).await;
    for origin in ["https://app.example.com", "https://two.example.com", "http://sync.example.com"] {
        let request = team.post_source(&team.owner, "Listed").header("origin", origin);
        app.assert_appends(&team.owner, request, 201, "source:created").await;
    }
    for origin in ["http://app.example.com", "https://example.com", "https://x.app.example.com", FOREIGN] {
        app.assert_rejected(team.post_source(&team.owner, "x").header("origin", origin), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn reads_are_allowed_from_any_origin() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    // The response has no CORS header, so the browser does not show it to the page.
    let response = Response::to(team.viewer.get(&team.path("/sources")).header("origin", FOREIGN)).await;
    let response = response.expect_status(200);
    assert_eq!(response.header("access-control-allow-origin"), None);
}
