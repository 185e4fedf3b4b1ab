//! Sources: created, read, changed, deleted, and told of in the same words everywhere.

use serde_json::json;

use crate::harness::{Answer, App, Team, source_path};

/// Whatever could be taken for syntax on the way through JSON, SQL and HTML.
const NASTY: &str = "'; DROP TABLE outbox; -- \"q\" \\ \\u0041 </script> \u{1}\t\n\u{2028} 𝄞 é ﷺ \u{202e} {}[] %s $1";

#[tokio::test]
async fn creating_answers_with_the_source_that_its_event_tells_of() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (user, role) in [(&team.owner, "owner"), (&team.contributor, "contributor")] {
        let body = json!({ "title": NASTY, "fileUrl": "https://example.com/a%20b.pdf?x=%22&y='#z" });
        let request = user.post(&team.path("/sources"), &body);
        let (answer, event) = app.writes(user, request, 201, "source:created").await;
        let source = answer.json()["source"].clone();
        let expected = json!({
            "id": source["id"],
            "title": NASTY,
            "fileUrl": "https://example.com/a%20b.pdf?x=%22&y='#z",
            "vaultId": team.vault,
            "createdAt": event.created_at,
            "updatedAt": event.created_at,
            "version": 1,
        });
        assert_eq!(answer.json(), json!({ "source": expected }));
        assert_eq!(answer.header("location"), Some(source_path(&source).as_str()));
        assert_eq!(answer.header("etag"), Some("\"1\""));
        event.assert_tells(user, role, json!({ "source": source }));

        let read = Answer::to(team.viewer.get(&source_path(&source))).await.expect_status(200);
        assert_eq!(read.json(), json!({ "source": source }));
        assert_eq!(read.header("etag"), Some("\"1\""));
        assert_eq!(read.header("x-vault-seq"), None);
    }
}

#[tokio::test]
async fn changing_changes_what_is_given_and_counts_the_version() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let mut expected = team.source("First").await;
    let path = source_path(&expected);
    let url = "http://example.com/second";
    for (version, change) in [
        (2, json!({ "title": "Second" })),
        (3, json!({ "fileUrl": url })),
        (4, json!({ "title": NASTY, "fileUrl": "https://example.com/4" })),
        // The same once more is a change too: it has its event.
        (5, json!({ "title": NASTY, "fileUrl": "https://example.com/4" })),
        // null leaves a field as it is.
        (6, json!({ "title": "Sixth", "fileUrl": null })),
    ] {
        let request = team.contributor.patch(&path, &change);
        let (answer, event) = app.writes(&team.contributor, request, 200, "source:updated").await;
        for (field, value) in change.as_object().expect("an object").iter().filter(|(_, value)| !value.is_null()) {
            expected[field.as_str()] = value.clone();
        }
        expected["version"] = json!(version);
        expected["updatedAt"] = json!(event.created_at);
        assert_eq!(answer.json(), json!({ "source": expected }));
        assert_eq!(answer.header("etag"), Some(format!("\"{version}\"").as_str()));
        event.assert_tells(&team.contributor, "contributor", json!({ "source": expected }));
        let read = Answer::to(team.viewer.get(&path)).await.expect_status(200);
        assert_eq!(read.json(), json!({ "source": expected }));
        assert_eq!(read.header("etag"), Some(format!("\"{version}\"").as_str()));
    }
    let listed = team.viewer.read(&team.path("/sources")).await;
    assert_eq!(listed["sources"], json!([expected]));
}

#[tokio::test]
async fn a_deleted_source_is_gone_and_its_log_stays() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let (kept, gone) = (team.source("Kept").await, team.source("Gone").await);
    let path = source_path(&gone);
    let request = team.contributor.delete(&path);
    let (answer, event) = app.writes(&team.contributor, request, 204, "source:deleted").await;
    assert_eq!((answer.text.as_str(), answer.header("etag")), ("", None));
    event.assert_tells(&team.contributor, "contributor", json!({ "sourceId": gone["id"], "vaultId": team.vault }));
    for request in [
        team.owner.get(&path),
        team.owner.patch(&path, &json!({ "title": "x" })),
        team.owner.delete(&path),
        team.owner.delete(&path).header("if-match", "\"1\""),
    ] {
        app.refuses(request, 404, "NOT_FOUND").await;
    }
    let list = team.viewer.read(&team.path("/sources")).await;
    assert_eq!(list, json!({ "sources": [kept], "seq": event.seq, "nextCursor": null }));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE payload -> 'source' ->> 'id' = $1")
        .bind(gone["id"].as_str())
        .fetch_one(&app.db)
        .await
        .expect("a count");
    assert_eq!(told, 1);
}

#[tokio::test]
async fn titles_and_urls_may_be_as_long_as_promised_counted_in_characters() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let base = "https://example.com/";
    let url = format!("{base}{}", "é".repeat(2048 - base.len()));
    let source = team.source("Short").await;
    // 2000 bytes, and in JavaScript's counting 1000.
    for title in ["𝄞".repeat(500), "é".repeat(500), "x".repeat(500), "x".to_owned(), " ".to_owned()] {
        let body = json!({ "title": title, "fileUrl": url });
        let request = team.owner.post(&team.path("/sources"), &body);
        let (answer, _) = app.writes(&team.owner, request, 201, "source:created").await;
        let source_shown = &answer.json()["source"];
        assert_eq!((&source_shown["title"], &source_shown["fileUrl"]), (&body["title"], &body["fileUrl"]));
        app.writes(&team.owner, team.owner.patch(&source_path(&source), &body), 200, "source:updated").await;
    }
}

#[tokio::test]
async fn fields_that_break_a_rule_are_refused_by_name_on_creation_and_change() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
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
        let created = app.refuses(team.owner.post(&team.path("/sources"), &body), 422, "INVALID").await;
        assert_eq!(created["field"], field, "{value}");
        let changed = app.refuses(team.owner.patch(&source, &json!({ field: value })), 422, "INVALID").await;
        assert_eq!(changed["field"], field, "{value}");
    }
}
