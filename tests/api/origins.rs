//! Pages of other sites may not change anything in a user's name.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::harness::{Answer, App, PASSWORD, Team, source_path};

const FOREIGN: &str = "https://evil.example";

#[tokio::test]
async fn every_mutation_from_a_foreign_page_is_refused() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
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
        app.refuses(request.header("origin", FOREIGN), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn what_is_not_exactly_the_own_origin_is_foreign() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let own = app.base().to_owned();
    let port: u16 = own.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let other_port = format!("http://127.0.0.1:{}", if port == 9999 { 9998 } else { 9999 });
    let suffixed = format!("{own}.evil.example");
    for origin in ["null", "", "http://127.0.0.1", "http://localhost:3000", &other_port, &suffixed, "not a url"] {
        app.refuses(team.post_source(&team.owner, "x").header("origin", origin), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn the_own_origin_and_none_are_accepted() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let from_own_page = team.post_source(&team.owner, "From its own page").header("origin", app.base());
    app.writes(&team.owner, from_own_page, 201, "source:created").await;
    app.writes(&team.owner, team.post_source(&team.owner, "From curl"), 201, "source:created").await;
    let logout = team.viewer.request(Method::POST, "/api/auth/logout").header("origin", app.base());
    Answer::to(logout).await.expect_status(204);
}

#[tokio::test]
async fn origins_on_the_list_and_the_public_one_are_accepted() {
    let flags = ["--allowed-origins", "https://app.example.com,https://two.example.com"];
    let app = App::start_with(&[flags[0], flags[1], "--public-url", "http://sync.example.com"]).await;
    let team = Team::gather(&app).await;
    for origin in ["https://app.example.com", "https://two.example.com", "http://sync.example.com"] {
        let request = team.post_source(&team.owner, "Listed").header("origin", origin);
        app.writes(&team.owner, request, 201, "source:created").await;
    }
    for origin in ["http://app.example.com", "https://example.com", "https://x.app.example.com", FOREIGN] {
        app.refuses(team.post_source(&team.owner, "x").header("origin", origin), 403, "FOREIGN_ORIGIN").await;
    }
}

#[tokio::test]
async fn reading_needs_no_origin_of_ours() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    // The browser keeps the answer from the page: there is no CORS header that would let it through.
    let answer = Answer::to(team.viewer.get(&team.path("/sources")).header("origin", FOREIGN)).await;
    let answer = answer.expect_status(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
