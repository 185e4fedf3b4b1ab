//! The log of a vault, read over REST: exactly the events that subscribers receive, in order.

use serde_json::{Value, json};

use crate::harness::{App, Event, Response, Team, new_vault, source_path};

/// The log in the outbox, in the format of the response.
async fn stored_log(app: &App, vault: &str) -> Vec<Value> {
    let events = Event::of(&app.db, vault).await;
    let shown = |event: Event| {
        json!({
            "seq": event.seq,
            "eventId": event.event_id,
            "type": event.kind,
            "payload": event.payload,
            "createdAt": event.created_at,
        })
    };
    events.into_iter().map(shown).collect()
}

fn seqs(page: &Value) -> Vec<i64> {
    let events = page["events"].as_array().expect("a list");
    events.iter().map(|event| event["seq"].as_i64().expect("a seq")).collect()
}

#[tokio::test]
async fn the_log_is_the_outbox_of_the_vault_in_order() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let other = new_vault(&team.owner, "Another").await;
    let source = team.source("One").await;
    Response::to(team.contributor.patch(&source_path(&source), &json!({ "title": "Two" }))).await.expect_status(200);
    Response::to(team.contributor.delete(&source_path(&source))).await.expect_status(204);
    let log = stored_log(&app, &team.vault).await;
    assert_eq!(log.len(), 6);
    for (user, _) in team.members() {
        let page = user.read(&team.path("/events")).await;
        assert_eq!(page, json!({ "events": log, "headSeq": 6 }));
        assert_eq!(seqs(&page), [1, 2, 3, 4, 5, 6]);
    }
    let types: Vec<&str> = log.iter().filter_map(|event| event["type"].as_str()).collect();
    assert_eq!(
        types,
        ["vault:created", "member:added", "member:added", "source:created", "source:updated", "source:deleted"]
    );
    let of_other = team.owner.read(&format!("/api/vaults/{other}/events")).await;
    assert_eq!(of_other, json!({ "events": stored_log(&app, &other).await, "headSeq": 1 }));
}

#[tokio::test]
async fn payloads_are_returned_byte_for_byte_as_stored() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    team.source("\"quoted\" \u{1} é 𝄞 </script>").await;
    let response = Response::to(team.viewer.get(&team.path("/events"))).await.expect_status(200);
    let stored: Vec<String> = sqlx::query_scalar("SELECT payload::text FROM outbox WHERE vault_id = $1::uuid")
        .bind(&team.vault)
        .fetch_all(&app.db)
        .await
        .expect("payloads");
    assert_eq!(stored.len(), 4);
    for payload in stored {
        assert!(response.text.contains(&format!("\"payload\":{payload}")), "{payload} is not in {response}");
    }
}

#[tokio::test]
async fn after_and_limit_page_through_the_log_without_a_gap() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for number in 0..4 {
        team.source(&format!("{number}")).await;
    }
    for (query, wanted) in [
        ("?after=0", vec![1, 2, 3, 4, 5, 6, 7]),
        ("?after=5", vec![6, 7]),
        ("?after=6&limit=1", vec![7]),
        ("?after=7", vec![]),
        ("?after=8", vec![]),
        ("?after=9223372036854775807", vec![]),
        ("?limit=1", vec![1]),
        ("?limit=3&after=2", vec![3, 4, 5]),
        ("?limit=1000", vec![1, 2, 3, 4, 5, 6, 7]),
    ] {
        let page = team.viewer.read(&team.path(&format!("/events{query}"))).await;
        assert_eq!((seqs(&page), &page["headSeq"]), (wanted, &json!(7)), "{query}");
    }
    // A client that continues from its last seq gets the whole log.
    let (mut log, mut after) = (Vec::new(), 0);
    while after < 7 {
        let page = team.viewer.read(&team.path(&format!("/events?after={after}&limit=2"))).await;
        let last = *seqs(&page).last().expect("more events, up to the head");
        assert!(last > after, "{page} does not continue after {after}");
        after = last;
        log.extend(page["events"].as_array().expect("a list").clone());
    }
    assert_eq!(log, stored_log(&app, &team.vault).await);
}

#[tokio::test]
async fn a_page_has_100_events_by_default() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    // Appends directly in the database, because requests would only take longer.
    let appended = sqlx::query(
        "SELECT sources_create(ARRAY[gen_random_uuid()], ARRAY[$1::uuid], ARRAY[$2::uuid], '{Many}',
             '{https://example.com/}', true)
         FROM generate_series(1, 1000)",
    );
    appended.bind(&team.vault).bind(&team.owner.id).execute(&app.db).await.expect("appended");
    let page = team.viewer.read(&team.path("/events")).await;
    assert_eq!((seqs(&page), &page["headSeq"]), ((1..=100).collect(), &json!(1003)));
    let page = team.viewer.read(&team.path("/events?limit=1000&after=1")).await;
    assert_eq!(seqs(&page), (2..=1001).collect::<Vec<_>>());
}

#[tokio::test]
async fn invalid_queries_are_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for query in [
        "after=-1",
        "after=x",
        "after=",
        "after=1.0",
        "after=9223372036854775808",
        "limit=0",
        "limit=-1",
        "limit=1001",
        "limit=all",
        "before=3",
        "after=1&after=2",
        "limit=9223372036854775808",
    ] {
        app.assert_rejected(team.viewer.get(&team.path(&format!("/events?{query}"))), 400, "BAD_REQUEST").await;
    }
}
