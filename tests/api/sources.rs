//! Sources: creating, reading, changing and deleting them, with the same representation everywhere.

use serde_json::json;

use crate::harness::{App, Response, Team, source_path};

/// Characters that are syntax in JSON, SQL or HTML.
const NASTY: &str = "'; DROP TABLE outbox; -- \"q\" \\ \\u0041 </script> \u{1}\t\n\u{2028} 𝄞 é ﷺ \u{202e} {}[] %s $1";

#[tokio::test]
async fn creating_a_source_returns_the_same_source_as_its_event() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (user, role) in [(&team.owner, "owner"), (&team.contributor, "contributor")] {
        let body = json!({ "title": NASTY, "fileUrl": "https://example.com/a%20b.pdf?x=%22&y='#z" });
        let request = user.post(&team.path("/sources"), &body);
        let (response, event) = app.assert_appends(user, request, 201, "source:created").await;
        let source = response.json()["source"].clone();
        let expected = json!({
            "id": source["id"],
            "title": NASTY,
            "fileUrl": "https://example.com/a%20b.pdf?x=%22&y='#z",
            "vaultId": team.vault,
            "createdAt": event.created_at,
            "updatedAt": event.created_at,
            "version": 1,
        });
        assert_eq!(response.json(), json!({ "source": expected }));
        assert_eq!(response.header("location"), Some(source_path(&source).as_str()));
        assert_eq!(response.header("etag"), Some("\"1\""));
        event.assert_payload(user, role, json!({ "source": source }));

        let read = Response::to(team.viewer.get(&source_path(&source))).await.expect_status(200);
        assert_eq!(read.json(), json!({ "source": source }));
        assert_eq!(read.header("etag"), Some("\"1\""));
        assert_eq!(read.header("x-vault-seq"), None);
    }
}

#[tokio::test]
async fn a_change_replaces_the_given_fields_and_increments_the_version() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let mut expected = team.source("First").await;
    let path = source_path(&expected);
    let url = "http://example.com/second";
    for (version, change) in [
        (2, json!({ "title": "Second" })),
        (3, json!({ "fileUrl": url })),
        (4, json!({ "title": NASTY, "fileUrl": "https://example.com/4" })),
        // A change to the same values is a change too, with its own event.
        (5, json!({ "title": NASTY, "fileUrl": "https://example.com/4" })),
        // null keeps the current value.
        (6, json!({ "title": "Sixth", "fileUrl": null })),
    ] {
        let request = team.contributor.patch(&path, &change);
        let (response, event) = app.assert_appends(&team.contributor, request, 200, "source:updated").await;
        for (field, value) in change.as_object().expect("an object").iter().filter(|(_, value)| !value.is_null()) {
            expected[field.as_str()] = value.clone();
        }
        expected["version"] = json!(version);
        expected["updatedAt"] = json!(event.created_at);
        assert_eq!(response.json(), json!({ "source": expected }));
        assert_eq!(response.header("etag"), Some(format!("\"{version}\"").as_str()));
        event.assert_payload(&team.contributor, "contributor", json!({ "source": expected }));
        let read = Response::to(team.viewer.get(&path)).await.expect_status(200);
        assert_eq!(read.json(), json!({ "source": expected }));
        assert_eq!(read.header("etag"), Some(format!("\"{version}\"").as_str()));
    }
    let listed = team.viewer.read(&team.path("/sources")).await;
    assert_eq!(listed["sources"], json!([expected]));
}

#[tokio::test]
async fn a_deleted_source_is_not_found_and_its_events_stay() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let (kept, deleted) = (team.source("Kept").await, team.source("Deleted").await);
    let path = source_path(&deleted);
    let request = team.contributor.delete(&path);
    let (response, event) = app.assert_appends(&team.contributor, request, 204, "source:deleted").await;
    assert_eq!((response.text.as_str(), response.header("etag")), ("", None));
    event.assert_payload(&team.contributor, "contributor", json!({ "sourceId": deleted["id"], "vaultId": team.vault }));
    for request in [
        team.owner.get(&path),
        team.owner.patch(&path, &json!({ "title": "x" })),
        team.owner.delete(&path),
        team.owner.delete(&path).header("if-match", "\"1\""),
    ] {
        app.assert_rejected(request, 404, "NOT_FOUND").await;
    }
    let list = team.viewer.read(&team.path("/sources")).await;
    assert_eq!(list, json!({ "sources": [kept], "seq": event.seq, "nextCursor": null }));
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE payload -> 'source' ->> 'id' = $1")
        .bind(deleted["id"].as_str())
        .fetch_one(&app.db)
        .await
        .expect("a count");
    assert_eq!(events, 1);
}

#[tokio::test]
async fn title_and_url_limits_count_characters() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let base = "https://example.com/";
    let url = format!("{base}{}", "é".repeat(2048 - base.len()));
    let source = team.source("Short").await;
    // The first title has 2000 bytes, and 1000 UTF-16 code units in JavaScript.
    for title in ["𝄞".repeat(500), "é".repeat(500), "x".repeat(500), "x".to_owned(), " ".to_owned()] {
        let body = json!({ "title": title, "fileUrl": url });
        let request = team.owner.post(&team.path("/sources"), &body);
        let (response, _) = app.assert_appends(&team.owner, request, 201, "source:created").await;
        let source_shown = &response.json()["source"];
        assert_eq!((&source_shown["title"], &source_shown["fileUrl"]), (&body["title"], &body["fileUrl"]));
        app.assert_appends(&team.owner, team.owner.patch(&source_path(&source), &body), 200, "source:updated").await;
    }
}

#[tokio::test]
async fn invalid_fields_are_rejected_by_name_on_creation_and_change() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("Kept").await);
    let base = "https://example.com/";
    let long_url = format!("{base}{}", "a".repeat(2049 - base.len()));
    let long_accents = format!("{base}{}", "é".repeat(2049 - base.len()));
    let titles = [String::new(), "x".repeat(501), "é".repeat(501), "𝄞".repeat(501), "a\0b".to_owned(), "\0".to_owned()];
    let urls = [
        "javascript:alert(document.cookie)",
        "JaVaScRiPt://example.com/%0aalert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "blob:https://example.com/1",
        "//example.com/a",
        "/a.pdf",
        "example.com",
        "https:example.com",
        "https:///a",
        "https://",
        "https://exa mple.com",
        "https://example.com/a\nb",
        "https://example.com/\0",
        "",
        &long_url,
        &long_accents,
    ];
    let titles = titles.iter().map(|title| ("title", title.as_str()));
    for (field, value) in titles.chain(urls.iter().map(|url| ("fileUrl", *url))) {
        let mut body = json!({ "title": "Good", "fileUrl": "https://example.com/good" });
        body[field] = json!(value);
        let created = app.assert_rejected(team.owner.post(&team.path("/sources"), &body), 422, "INVALID").await;
        assert_eq!(created["field"], field, "{value}");
        let changed = app.assert_rejected(team.owner.patch(&source, &json!({ field: value })), 422, "INVALID").await;
        assert_eq!(changed["field"], field, "{value}");
    }
}
