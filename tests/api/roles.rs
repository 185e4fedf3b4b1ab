//! Every route for every role: the complete permission table.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Client, PASSWORD, Response, Team, User, add_member, new_vault, source_path};

/// The status for each of: owner, contributor, viewer, non-member, signed-out client.
type Statuses = [u16; 5];

const READ: Statuses = [200, 200, 200, 404, 401];
const CREATE_SOURCE: Statuses = [201, 201, 403, 404, 401];
const CHANGE_SOURCE: Statuses = [200, 200, 403, 404, 401];
const DELETE_SOURCE: Statuses = [204, 204, 403, 404, 401];

/// A row of the table. In paths, `{source}` is a source created for the request, and `{member}` a member.
struct Route {
    method: Method,
    path: &'static str,
    body: Value,
    statuses: Statuses,
}

fn route(method: Method, path: &'static str, body: Value, statuses: Statuses) -> Route {
    Route { method, path, body, statuses }
}

/// Ordered so that no row removes what a later row needs.
fn table() -> Vec<Route> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let title = json!({ "title": "x" });
    let source = json!({ "title": "x", "fileUrl": "https://example.com/" });
    vec![
        route(get.clone(), "/api/auth/session", Value::Null, [200; 5]),
        route(get.clone(), "/healthz", Value::Null, [200; 5]),
        route(get.clone(), "/readyz", Value::Null, [200; 5]),
        route(get.clone(), "/api/vaults", Value::Null, [200, 200, 200, 200, 401]),
        route(post.clone(), "/api/vaults", json!({ "name": "x" }), [201, 201, 201, 201, 401]),
        route(get.clone(), "/api/vaults/{vault}", Value::Null, READ),
        route(get.clone(), "/api/vaults/{vault}/members", Value::Null, READ),
        route(get.clone(), "/api/vaults/{vault}/sources", Value::Null, READ),
        route(get.clone(), "/api/vaults/{vault}/events", Value::Null, READ),
        route(get, "/api/sources/{source}", Value::Null, READ),
        route(post.clone(), "/api/vaults/{vault}/sources", source, CREATE_SOURCE),
        route(patch.clone(), "/api/sources/{source}", title, CHANGE_SOURCE),
        route(delete.clone(), "/api/sources/{source}", Value::Null, DELETE_SOURCE),
        route(patch.clone(), "/api/vaults/{vault}", json!({ "name": "x" }), [200, 403, 403, 404, 401]),
        route(
            post,
            "/api/vaults/{vault}/members",
            json!({ "email": "extra@example.com", "role": "viewer" }),
            [201, 403, 403, 404, 401],
        ),
        route(patch, "/api/vaults/{vault}/members/{member}", json!({ "role": "owner" }), [200, 403, 403, 404, 401]),
        route(delete.clone(), "/api/vaults/{vault}/members/{member}", Value::Null, [204, 403, 403, 404, 401]),
        route(delete, "/api/vaults/{vault}", Value::Null, [204, 403, 403, 404, 401]),
    ]
}

fn code(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT_FOUND",
        other => panic!("unexpected status {other} for a role"),
    }
}

#[tokio::test]
async fn every_route_returns_the_expected_status_for_every_role() {
    let app = App::start().await;
    let (team, extra) = tokio::join!(Team::create(&app), app.user("Extra"));
    let roles: [(&str, &Client); 5] = [
        ("owner", &team.owner),
        ("contributor", &team.contributor),
        ("viewer", &team.viewer),
        ("stranger", &team.stranger),
        ("nobody", &team.signed_out),
    ];
    let mut count = 0;
    for route in table() {
        // From the fewest rights up, because a rejected request leaves everything unchanged for the next.
        for ((role, client), status) in roles.iter().zip(route.statuses).rev() {
            let mut path = route.path.replace("{vault}", &team.vault).replace("{member}", &extra.id);
            if path.contains("{source}") {
                path = source_path(&team.source("For this request").await);
            }
            let mut request = client.request(route.method.clone(), &path);
            if !route.body.is_null() {
                request = request.json(&route.body);
            }
            if status < 400 {
                let response = Response::to(request).await;
                assert_eq!(response.status.as_u16(), status, "{role}: {response}");
            } else {
                app.assert_rejected(request, status, code(status)).await;
            }
            count += 1;
        }
    }
    assert_eq!(count, 18 * 5);
}

#[tokio::test]
async fn a_role_applies_only_in_its_own_vault() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("In the first vault").await);
    // The stranger owns another vault, which gives no rights here.
    let own = new_vault(&team.stranger, "Own").await;
    add_member(&team.stranger, &own, &team.viewer, "contributor").await;
    let post = |by: &User| {
        by.post(&format!("/api/vaults/{own}/sources"), &json!({ "title": "x", "fileUrl": "https://example.com/" }))
    };
    app.assert_appends(&team.viewer, post(&team.viewer), 201, "source:created").await;
    app.assert_rejected(team.post_source(&team.viewer, "x"), 403, "FORBIDDEN").await;
    app.assert_rejected(post(&team.owner), 404, "NOT_FOUND").await;
    app.assert_rejected(team.stranger.delete(&source), 404, "NOT_FOUND").await;
    // A member of one vault is not found through the path of another.
    let crossed = format!("/api/vaults/{own}/members/{}", team.contributor.id);
    app.assert_rejected(team.stranger.delete(&crossed), 404, "NOT_FOUND").await;
}

#[tokio::test]
async fn auth_routes_are_open_to_everyone() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    for (client, name) in [(&*ann, "One"), (&app.anonymous(), "Two")] {
        let email = format!("{name}@example.com");
        let new = json!({ "email": email, "name": name, "password": PASSWORD });
        Response::to(client.post("/api/auth/register", &new)).await.expect_status(201);
        let login = json!({ "email": email, "password": PASSWORD });
        Response::to(client.post("/api/auth/login", &login)).await.expect_status(200);
        assert_eq!(client.read("/api/auth/session").await["user"]["name"], name);
        Response::to(client.request(Method::POST, "/api/auth/logout")).await.expect_status(204);
        assert_eq!(client.read("/api/auth/session").await, Value::Null);
    }
}
