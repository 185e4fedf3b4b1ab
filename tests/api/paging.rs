//! The list of sources in pages, and the log position of each page.

use std::collections::HashSet;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::harness::{App, Response, Team, UNKNOWN_ID, source_path};

/// Reads all pages. Calls `between` between two pages.
async fn pages(team: &Team, limit: usize, mut between: impl AsyncFnMut(usize)) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut query = format!("?limit={limit}");
    loop {
        let page = team.viewer.read(&team.path(&format!("/sources{query}"))).await;
        assert_eq!(page.as_object().map(|fields| fields.len()), Some(3), "{page}");
        let size = page["sources"].as_array().map(Vec::len).expect("a list");
        assert!(size <= limit, "{size} on a page of {limit}");
        let next = page["nextCursor"].as_str().map(str::to_owned);
        assert!(next.is_some() || page["nextCursor"].is_null());
        pages.push(page);
        let Some(cursor) = next else { return pages };
        assert!(pages.len() < 20, "the pages do not end");
        assert_eq!(size, limit, "every page but the last is full");
        between(pages.len()).await;
        query = format!("?limit={limit}&cursor={cursor}");
    }
}

fn titles(pages: &[Value]) -> Vec<String> {
    let sources = pages.iter().flat_map(|page| page["sources"].as_array().expect("a list"));
    sources.map(|source| source["title"].as_str().expect("a title").to_owned()).collect()
}

async fn create(team: &Team, titles: impl IntoIterator<Item = usize>) -> Vec<Value> {
    let mut created = Vec::new();
    for title in titles {
        created.push(team.source(&format!("{title:02}")).await);
    }
    created
}

#[tokio::test]
async fn an_empty_vault_has_one_empty_page_at_its_head() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let page = team.viewer.read(&team.path("/sources")).await;
    assert_eq!(page, json!({ "sources": [], "seq": 3, "nextCursor": null }));
}

#[tokio::test]
async fn pages_of_any_size_list_every_source_once_in_order() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let created = create(&team, 0..7).await;
    for (limit, count) in [(1, 7), (2, 4), (3, 3), (6, 2), (7, 1), (8, 1), (1000, 1)] {
        let pages = pages(&team, limit, async |_| ()).await;
        assert_eq!(pages.len(), count, "pages of {limit}");
        let listed: Vec<_> = pages.iter().flat_map(|page| page["sources"].as_array().expect("a list")).collect();
        assert_eq!(listed, created.iter().collect::<Vec<_>>());
        for page in &pages {
            assert_eq!(page["seq"], app.head(&team.vault).await);
        }
    }
    // Without a limit, all sources are on one page.
    let page = team.viewer.read(&team.path("/sources")).await;
    assert_eq!((page["sources"].as_array().map(Vec::len), &page["nextCursor"]), (Some(7), &Value::Null));
}

#[tokio::test]
async fn sources_with_the_same_timestamp_are_neither_skipped_nor_repeated() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    create(&team, 0..6).await;
    sqlx::query("UPDATE sources SET created_at = '2026-01-01 00:00:00.123Z'").execute(&app.db).await.expect("updated");
    for limit in [1, 2, 4, 5] {
        let mut found = titles(&pages(&team, limit, async |_| ()).await);
        found.sort_unstable();
        assert_eq!(found, ["00", "01", "02", "03", "04", "05"], "pages of {limit}");
    }
}

#[tokio::test]
async fn changes_between_two_pages_neither_repeat_nor_skip_other_sources() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let created = create(&team, 0..6).await;
    let (app, team) = (&app, &team);
    let pages = pages(team, 2, async |page| {
        if page == 1 {
            // Deletes the source at the cursor and the next one, changes one, and creates one.
            for deleted in [&created[1], &created[2]] {
                app.assert_appends(&team.owner, team.owner.delete(&source_path(deleted)), 204, "source:deleted").await;
            }
            let change = team.owner.patch(&source_path(&created[0]), &json!({ "title": "00 changed" }));
            app.assert_appends(&team.owner, change, 200, "source:updated").await;
            create(team, [6]).await;
        }
    })
    .await;
    assert_eq!(titles(&pages), ["00", "01", "03", "04", "05", "06"]);
    let seqs: Vec<_> = pages.iter().map(|page| page["seq"].as_i64().expect("a seq")).collect();
    assert_eq!(seqs, [9, 13, 13]);
}

#[tokio::test]
async fn the_list_and_the_events_after_its_seq_give_the_current_state() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let created = create(&team, 0..3).await;
    let snapshot = team.viewer.read(&team.path("/sources")).await;
    let seq = snapshot["seq"].as_i64().expect("a seq");
    assert_eq!(seq, app.head(&team.vault).await);
    Response::to(team.owner.delete(&source_path(&created[0]))).await.expect_status(204);
    let new = create(&team, [3]).await;

    let log = team.viewer.read(&team.path(&format!("/events?after={seq}"))).await;
    let mut known: HashSet<String> = HashSet::new();
    for source in snapshot["sources"].as_array().expect("a list") {
        known.insert(source["id"].as_str().expect("an id").to_owned());
    }
    for event in log["events"].as_array().expect("a list") {
        let payload = &event["payload"];
        match event["type"].as_str() {
            Some("source:created") => known.insert(payload["source"]["id"].as_str().expect("an id").to_owned()),
            Some("source:deleted") => known.remove(payload["sourceId"].as_str().expect("an id")),
            other => panic!("unexpected event {other:?}"),
        };
    }
    let expected = [&created[1], &created[2], &new[0]].map(|source| source["id"].as_str().expect("an id").to_owned());
    assert_eq!(known, HashSet::from(expected));
}

#[tokio::test]
async fn invalid_limits_and_cursors_are_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    create(&team, 0..2).await;
    let page = team.viewer.read(&team.path("/sources?limit=1")).await;
    let cursor = page["nextCursor"].as_str().expect("a cursor").to_owned();
    let (cut, doubled) = (&cursor[1..], format!("{cursor}{cursor}"));
    // The last one is "0_x".
    let cursors = [cut, &doubled, "", "x", "%00", "AAAA", "null", "1", "MF94"].into_iter();
    for bad in cursors.map(|cursor| format!("cursor={cursor}")).chain(
        ["limit=0", "limit=-1", "limit=1001", "limit=x", "limit=", "limit=1.5", "limit=99999999999999999999"]
            .map(str::to_owned),
    ) {
        app.assert_rejected(team.viewer.get(&team.path(&format!("/sources?{bad}"))), 400, "BAD_REQUEST").await;
    }
    for bad in ["offset=1", "limit=1&limit=2", "Limit=1"] {
        app.assert_rejected(team.viewer.get(&team.path(&format!("/sources?{bad}"))), 400, "BAD_REQUEST").await;
    }
}

/// A made-up cursor is a bad request at worst, never an internal error.
#[tokio::test]
async fn cursors_with_extreme_timestamps_do_not_fail() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    create(&team, 0..2).await;
    for millis in
        [0, -1, 1 << 42, -62_135_596_800_001, -8_334_601_228_000_000, 8_210_266_876_799_999, i64::MIN, i64::MAX]
    {
        let cursor = BASE64_URL_SAFE_NO_PAD.encode(format!("{millis}_{UNKNOWN_ID}"));
        let response = Response::to(team.viewer.get(&team.path(&format!("/sources?cursor={cursor}")))).await;
        if response.status == 200 {
            let expected = if millis < 1 << 42 { vec!["00", "01"] } else { vec![] };
            assert_eq!(titles(&[response.json()]), expected, "{millis}");
        } else {
            app.assert_rejected(team.viewer.get(&team.path(&format!("/sources?cursor={cursor}"))), 400, "BAD_REQUEST")
                .await;
        }
    }
}
