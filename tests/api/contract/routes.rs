//! Compares the OpenAPI document with the routes of the router, and with a running server.

use std::collections::BTreeSet;

use actix_web::introspection::IntrospectionTree;
use actix_web::test::{TestRequest, call_and_read_body, init_service};
use actix_web::web::{self, Data};
use reqwest::Method;
use serde_json::Value;
use syncscript::http::routes;

use super::document::{documented_routes, openapi};
use crate::harness::{App, Response, Team, UNKNOWN_ID, source_path};

/// The methods and paths that the router reports.
async fn router_routes() -> BTreeSet<(String, String)> {
    let report = |tree: Data<IntrospectionTree>| async move { tree.report_as_json() };
    let app = actix_web::App::new().configure(routes::configure).route("/_routes", web::get().to(report));
    let report = call_and_read_body(&init_service(app).await, TestRequest::get().uri("/_routes").to_request()).await;
    let items: Vec<Value> = serde_json::from_slice(&report).expect("a report");
    let mut routes = BTreeSet::new();
    for item in items.iter().filter(|item| item["resource_type"] == "resource" && item["full_path"] != "/_routes") {
        let path = item["full_path"].as_str().expect("a path").to_owned();
        for method in item["methods"].as_array().expect("methods") {
            routes.insert((method.as_str().expect("a method").to_owned(), path.clone()));
        }
    }
    routes
}

#[actix_web::test]
async fn every_route_is_documented_and_every_documented_route_exists() {
    let mut expected: BTreeSet<_> = documented_routes().into_iter().collect();
    // Every GET route also answers HEAD; the document says so once for all routes.
    let heads =
        expected.iter().filter(|(method, _)| method == "GET").map(|(_, path)| ("HEAD".to_owned(), path.clone()));
    expected.extend(heads.collect::<Vec<_>>());
    assert!(expected.len() > 40, "{expected:?}");
    assert_eq!(router_routes().await, expected);
}

#[tokio::test]
async fn the_server_accepts_exactly_the_documented_methods() {
    let app = App::start_with(&["--demo", "true"]).await;
    let document = Response::to(app.anonymous().get("/api/openapi.json")).await.expect_status(200).json();
    assert_eq!(document, openapi(), "the served document");
    let documented = documented_routes();
    for path in documented.iter().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        let url =
            path.replace("{vaultId}", UNKNOWN_ID).replace("{sourceId}", UNKNOWN_ID).replace("{userId}", UNKNOWN_ID);
        let url = url.replace("{file}", "start.js");
        for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            let response = Response::to(app.anonymous().request(method.clone(), &url)).await;
            let accepted = response.status != 405;
            assert_eq!(accepted, documented.contains(&(method.to_string(), path.clone())), "{response}");
            // Without a session, a known route returns 401 and an unknown one 404.
            let public = ["/api/auth/", "/api/demo", "/docs/"].iter().any(|start| path.starts_with(start));
            if accepted && path.starts_with("/api/") && !path.ends_with(".json") && !public {
                assert_eq!(response.status, 401, "{response}");
            }
        }
    }
}

#[tokio::test]
async fn every_get_route_answers_head_without_a_body() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    let paths = [
        "/healthz".to_owned(),
        "/docs".to_owned(),
        "/api/vaults".to_owned(),
        "/api/openapi.json".to_owned(),
        team.path("/sources"),
        source_path(&source),
        team.path("/nothing"),
        "/api/vaults/no-id".to_owned(),
        format!("/api/sources/{UNKNOWN_ID}"),
    ];
    for path in paths {
        let get = Response::to(team.owner.get(&path)).await;
        let head = Response::to(team.owner.request(Method::HEAD, &path)).await;
        assert_eq!(head.status, get.status, "{head}");
        assert_eq!(head.text, "", "{head}");
        for name in ["content-type", "etag", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {head}");
        }
        assert!(head.header("x-request-id").is_some(), "{head}");
    }
    let rejected = Response::to(team.owner.request(Method::HEAD, &team.member_path(&team.viewer))).await;
    assert_eq!(rejected.status, 405, "{rejected}");
}

#[tokio::test]
async fn the_documentation_page_loads_nothing_from_other_hosts() {
    let app = App::start().await;
    let page = Response::to(app.anonymous().get("/docs")).await.expect_status(200);
    let files = ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"];
    for file in files {
        assert!(page.text.contains(file), "{page} does not load {file}");
        let part = Response::to(app.anonymous().get(file)).await.expect_status(200);
        assert!(part.text.len() > 100, "{part}");
        let tag = part.header("etag").expect("an ETag");
        Response::to(app.anonymous().get(file).header("if-none-match", tag)).await.expect_status(304);
    }
    assert!(!page.text.contains("//"), "the page loads something from another host: {page}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for unknown in ["/docs/index.html", "/docs/swagger-initializer.js", "/docs/%2e%2e%2fstart.js"] {
        app.assert_rejected(app.anonymous().get(unknown), 404, "NOT_FOUND").await;
    }
}
