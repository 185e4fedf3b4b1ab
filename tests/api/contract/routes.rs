//! The routes of the server, as its router knows them, against the document; and the document against a live server.

use std::collections::BTreeSet;

use actix_web::introspection::IntrospectionTree;
use actix_web::test::{TestRequest, call_and_read_body, init_service};
use actix_web::web::{self, Data};
use reqwest::Method;
use serde_json::Value;
use syncscript::http::routes;

use super::{documented, openapi};
use crate::harness::{Answer, App, NOBODY, Team, source_path};

/// What the router itself says that it knows: method and path.
async fn routed() -> BTreeSet<(String, String)> {
    let report = |tree: Data<IntrospectionTree>| async move { tree.report_as_json() };
    let app = actix_web::App::new().configure(routes::configure).route("/_routes", web::get().to(report));
    let report = call_and_read_body(&init_service(app).await, TestRequest::get().uri("/_routes").to_request()).await;
    let items: Vec<Value> = serde_json::from_slice(&report).expect("a report");
    let mut routed = BTreeSet::new();
    for item in items.iter().filter(|item| item["resource_type"] == "resource" && item["full_path"] != "/_routes") {
        let path = item["full_path"].as_str().expect("a path").to_owned();
        for method in item["methods"].as_array().expect("methods") {
            routed.insert((method.as_str().expect("a method").to_owned(), path.clone()));
        }
    }
    routed
}

#[actix_web::test]
async fn every_route_is_documented_and_every_documented_route_is_there() {
    let mut expected: BTreeSet<_> = documented().into_iter().collect();
    // HEAD goes with GET everywhere, and is said once for all.
    let heads =
        expected.iter().filter(|(method, _)| method == "GET").map(|(_, path)| ("HEAD".to_owned(), path.clone()));
    expected.extend(heads.collect::<Vec<_>>());
    assert!(expected.len() > 40, "{expected:?}");
    assert_eq!(routed().await, expected);
}

#[tokio::test]
async fn the_server_takes_what_is_documented_and_no_other_method() {
    let app = App::start_with(&["--demo", "true"]).await;
    let document = Answer::to(app.anyone().get("/api/openapi.json")).await.expect_status(200).json();
    assert_eq!(document, openapi(), "what is served");
    let documented = documented();
    for path in documented.iter().map(|(_, path)| path).collect::<BTreeSet<_>>() {
        let url = path.replace("{vaultId}", NOBODY).replace("{sourceId}", NOBODY).replace("{userId}", NOBODY);
        let url = url.replace("{file}", "start.js");
        for method in [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
            let answer = Answer::to(app.anyone().request(method.clone(), &url)).await;
            let taken = answer.status != 405;
            assert_eq!(taken, documented.contains(&(method.to_string(), path.clone())), "{answer}");
            // Nobody is signed in: what is there says so, and an unknown route would say NOT_FOUND.
            let public = ["/api/auth/", "/api/demo", "/docs/"].iter().any(|start| path.starts_with(start));
            if taken && path.starts_with("/api/") && !path.ends_with(".json") && !public {
                assert_eq!(answer.status, 401, "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_a_body() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
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
        format!("/api/sources/{NOBODY}"),
    ];
    for path in paths {
        let get = Answer::to(team.owner.get(&path)).await;
        let head = Answer::to(team.owner.request(Method::HEAD, &path)).await;
        assert_eq!(head.status, get.status, "{head}");
        assert_eq!(head.text, "", "{head}");
        for name in ["content-type", "etag", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {head}");
        }
        assert!(head.header("x-request-id").is_some(), "{head}");
    }
    let refused = Answer::to(team.owner.request(Method::HEAD, &team.member_path(&team.viewer))).await;
    assert_eq!(refused.status, 405, "{refused}");
}

#[tokio::test]
async fn the_page_that_shows_the_document_comes_from_here_alone() {
    let app = App::start().await;
    let page = Answer::to(app.anyone().get("/docs")).await.expect_status(200);
    let files = ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"];
    for file in files {
        assert!(page.text.contains(file), "{page} names {file}");
        let part = Answer::to(app.anyone().get(file)).await.expect_status(200);
        assert!(part.text.len() > 100, "{part}");
        let tag = part.header("etag").expect("an ETag");
        Answer::to(app.anyone().get(file).header("if-none-match", tag)).await.expect_status(304);
    }
    assert!(!page.text.contains("//"), "nothing is loaded from elsewhere: {page}");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for unknown in ["/docs/index.html", "/docs/swagger-initializer.js", "/docs/%2e%2e%2fstart.js"] {
        app.refuses(app.anyone().get(unknown), 404, "NOT_FOUND").await;
    }
}
