//! ETag and If-Match: a client cannot overwrite a version that it has not seen.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{App, Client, Response, Team, source_path};

fn change(team: &Team, source: &Value) -> RequestBuilder {
    team.contributor.patch(&source_path(source), &json!({ "title": "Changed" }))
}

#[tokio::test]
async fn a_matching_etag_allows_the_change_and_the_new_etag_the_next_one() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    let read = Response::to(team.contributor.get(&source_path(&source))).await.expect_status(200);
    let mut etag = read.header("etag").expect("an etag").to_owned();
    for version in 2..4 {
        let request = change(&team, &source).header("if-match", &etag);
        let (response, _) = app.assert_appends(&team.contributor, request, 200, "source:updated").await;
        etag = response.header("etag").expect("an etag").to_owned();
        assert_eq!(etag, format!("\"{version}\""));
    }
    let request = team.contributor.delete(&source_path(&source)).header("if-match", etag);
    app.assert_appends(&team.contributor, request, 204, "source:deleted").await;
}

#[tokio::test]
async fn without_if_match_or_with_a_star_any_version_is_changed() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    app.assert_appends(&team.contributor, change(&team, &source), 200, "source:updated").await;
    let starred = change(&team, &source).header("if-match", "*");
    app.assert_appends(&team.contributor, starred, 200, "source:updated").await;
    let starred = team.contributor.delete(&source_path(&source)).header("if-match", "*");
    app.assert_appends(&team.contributor, starred, 204, "source:deleted").await;
}

#[tokio::test]
async fn another_version_is_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    app.assert_appends(&team.contributor, change(&team, &source), 200, "source:updated").await;
    for stale in ["\"1\"", "\"3\"", "\"2147483647\""] {
        app.assert_rejected(change(&team, &source).header("if-match", stale), 412, "VERSION_MISMATCH").await;
        let delete = team.owner.delete(&source_path(&source)).header("if-match", stale);
        app.assert_rejected(delete, 412, "VERSION_MISMATCH").await;
    }
    let current = change(&team, &source).header("if-match", "\"2\"");
    app.assert_appends(&team.contributor, current, 200, "source:updated").await;
}

#[tokio::test]
async fn a_malformed_etag_is_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    for malformed in ["1", "\"1", "1\"", "\"", "", "'1'", "\"1\"x", "W/1", "**"] {
        app.assert_rejected(change(&team, &source).header("if-match", malformed), 400, "BAD_REQUEST").await;
        let delete = team.owner.delete(&source_path(&source)).header("if-match", malformed);
        app.assert_rejected(delete, 400, "BAD_REQUEST").await;
    }
}

/// ETags are compared exactly, and weak ones never match (RFC 9110, 13.1.1). An ETag that the server never sent may be
/// rejected as malformed or as a mismatch.
#[tokio::test]
async fn an_etag_that_the_server_never_sent_does_not_match() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    for foreign in ["\"one\"", "\"\"", "\"0\"", "\"1.0\"", "\"+1\"", "\"01\"", "\" 1\"", "\"99999999999\"", "W/\"1\""] {
        let allowed = [(400, "BAD_REQUEST"), (412, "VERSION_MISMATCH")];
        app.assert_rejected_with_any_of(change(&team, &source).header("if-match", foreign), &allowed).await;
        let delete = team.owner.delete(&source_path(&source)).header("if-match", foreign);
        app.assert_rejected_with_any_of(delete, &allowed).await;
    }
}

#[tokio::test]
async fn users_who_may_not_write_learn_nothing_about_the_version() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    for etag in ["\"1\"", "\"7\""] {
        let request = |by: &Client| by.patch(&source_path(&source), &json!({ "title": "x" })).header("if-match", etag);
        app.assert_rejected(request(&team.viewer), 403, "FORBIDDEN").await;
        app.assert_rejected(request(&team.stranger), 404, "NOT_FOUND").await;
        app.assert_rejected(request(&team.signed_out), 401, "UNAUTHORIZED").await;
    }
}

#[tokio::test]
async fn of_two_changes_to_one_version_exactly_one_succeeds() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = team.source("One").await;
    for version in 1..=8 {
        let etag = format!("\"{version}\"");
        let by = |user: &Client, title: &str| {
            user.patch(&source_path(&source), &json!({ "title": title })).header("if-match", &etag)
        };
        let (owner, contributor) = tokio::join!(
            Response::to(by(&team.owner, "By the owner")),
            Response::to(by(&team.contributor, "By the contributor"))
        );
        let mut statuses = [owner.status.as_u16(), contributor.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        let winner = if owner.status.is_success() { owner } else { contributor };
        let now = team.viewer.read(&source_path(&source)).await;
        assert_eq!((&now, &now["source"]["version"]), (&winner.json(), &json!(version + 1)));
    }
}
