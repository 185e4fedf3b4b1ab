//! Concurrent source mutations share transactions (group commit), and each behaves as if it ran alone.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use crate::harness::{App, Event, Response, Team, User, new_vault, source_path};

/// Far longer than anything here takes: a test that reaches it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

async fn post(by: &User, vault: &str, title: &str) -> Response {
    let body = json!({ "title": title, "fileUrl": "https://example.com/" });
    Response::to(by.post(&format!("/api/vaults/{vault}/sources"), &body)).await
}

/// Calls `sources_create`. Returns the rejection and the seq of each write.
async fn create_each(db: &mut PgConnection, writes: &[(&str, &str)], wait: bool) -> Vec<(Option<String>, Option<i64>)> {
    let ids: Vec<Uuid> = writes.iter().map(|_| Uuid::new_v4()).collect();
    let parse = |id: &str| id.parse::<Uuid>().expect("an id");
    let rows = sqlx::query(
        "SELECT rejection, CASE WHEN rejection IS NULL THEN seq END
         FROM sources_create($1, $2, $3, $4, $4, $5) ORDER BY ordinal",
    )
    .bind(ids)
    .bind(writes.iter().map(|(vault, _)| parse(vault)).collect::<Vec<_>>())
    .bind(writes.iter().map(|(_, actor)| parse(actor)).collect::<Vec<_>>())
    .bind(writes.iter().map(|_| "https://example.com/").collect::<Vec<_>>())
    .bind(wait)
    .fetch_all(db)
    .await
    .expect("an outcome per write");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn seqs(app: &App, vault: &str) -> Vec<i64> {
    let seqs: Vec<i64> = Event::of(&app.db, vault).await.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=app.head(vault).await).collect::<Vec<_>>());
    seqs
}

#[tokio::test]
async fn each_creation_of_a_batch_is_checked_separately() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let other = new_vault(&team.stranger, "Of another").await;
    let nowhere = Uuid::new_v4().to_string();
    let writes = [
        (team.vault.as_str(), team.owner.id.as_str()),
        (&team.vault, &team.viewer.id),
        (&other, &team.stranger.id),
        (&team.vault, &team.stranger.id),
        (&team.vault, &team.contributor.id),
        (&nowhere, &team.owner.id),
        (&other, &team.owner.id),
    ];
    let mut db = app.db.acquire().await.expect("a connection");
    let outcome = create_each(&mut db, &writes, false).await;
    let rejected = |code: &str| (Some(code.to_owned()), None);
    // Three events exist: the vault and two members.
    let expected = [
        (None, Some(4)),
        rejected("SY403"),
        (None, Some(2)),
        rejected("SY404"),
        (None, Some(5)),
        rejected("SY404"),
        rejected("SY404"),
    ];
    assert_eq!(outcome, expected);
    assert_eq!((seqs(&app, &team.vault).await.len(), seqs(&app, &other).await.len()), (5, 2));
    for event in Event::of(&app.db, &team.vault).await.iter().filter(|event| event.kind == "source:created") {
        let (by, role) = if event.seq == 4 { (&team.owner, "owner") } else { (&team.contributor, "contributor") };
        event.assert_envelope(by);
        let source = json!({ "source": event.payload["source"] });
        event.assert_payload(by, role, source);
    }
}

/// A change of a source: its id, the actor, the expected version, and whether to delete it.
type Change<'a> = (&'a str, &'a str, Option<i32>, bool);

/// Calls `sources_change`. Returns the rejection and the seq of each write.
async fn change_each(db: &mut PgConnection, writes: &[Change<'_>], wait: bool) -> Vec<(Option<String>, Option<i64>)> {
    let parse = |id: &str| id.parse::<Uuid>().expect("an id");
    let rows = sqlx::query(
        "SELECT rejection, CASE WHEN rejection IS NULL THEN seq END
         FROM sources_change($1, $2, $3, array_fill(NULL::text, ARRAY[cardinality($1)]), $4, $5, $6) ORDER BY ordinal",
    )
    .bind(writes.iter().map(|(source, ..)| parse(source)).collect::<Vec<_>>())
    .bind(writes.iter().map(|(_, actor, ..)| parse(actor)).collect::<Vec<_>>())
    .bind(writes.iter().map(|(.., version, _)| format!("Changed from {version:?}")).collect::<Vec<_>>())
    .bind(writes.iter().map(|(.., version, _)| *version).collect::<Vec<_>>())
    .bind(writes.iter().map(|(.., delete)| *delete).collect::<Vec<_>>())
    .bind(wait)
    .fetch_all(db)
    .await
    .expect("an outcome per write");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn each_change_of_a_batch_is_checked_separately() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let other = new_vault(&team.stranger, "Of another").await;
    let foreign = post(&team.stranger, &other, "Foreign").await.json()["source"].clone();
    let sources = [team.source("One").await, team.source("Two").await, team.source("Three").await];
    let id = |source: &Value| source["id"].as_str().expect("an id").to_owned();
    let (one, two, three, foreign) = (id(&sources[0]), id(&sources[1]), id(&sources[2]), id(&foreign));
    let nowhere = Uuid::new_v4().to_string();
    let (owner, contributor) = (team.owner.id.as_str(), team.contributor.id.as_str());
    let writes: [Change; 10] = [
        (&one, owner, Some(1), false),
        (&two, &team.viewer.id, None, false),
        (&foreign, &team.stranger.id, None, true),
        // To the same source as the first write, so it is busy.
        (&one, contributor, Some(1), false),
        (&two, contributor, Some(7), false),
        (&three, contributor, Some(1), true),
        (&three, owner, None, false),
        (&nowhere, owner, None, true),
        (&foreign, owner, None, true),
        (&two, owner, None, false),
    ];
    let mut db = app.db.acquire().await.expect("a connection");
    let outcome = change_each(&mut db, &writes, false).await;
    let rejected = |code: &str| (Some(code.to_owned()), None);
    // Six events exist: the vault, two members and three sources.
    let expected = [
        (None, Some(7)),
        rejected("SY403"),
        (None, Some(3)),
        rejected("busy"),
        rejected("busy"),
        (None, Some(8)),
        rejected("busy"),
        rejected("SY404"),
        rejected("SY404"),
        rejected("busy"),
    ];
    assert_eq!(outcome, expected);
    // Retried, each write is checked against the current state.
    let again = [(writes[3], "SY412"), (writes[4], "SY412"), (writes[6], "SY404")];
    for (change, code) in again {
        assert_eq!(change_each(&mut db, &[change], true).await, [rejected(code)]);
    }
    assert_eq!(change_each(&mut db, &[writes[9]], true).await, [(None, Some(9))]);
    assert_eq!((seqs(&app, &team.vault).await.len(), seqs(&app, &other).await.len()), (9, 3));
    let log = Event::of(&app.db, &team.vault).await;
    let kinds: Vec<_> = log[6..].iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["source:updated", "source:deleted", "source:updated"]);
    log[6].assert_envelope(&team.owner);
    assert_eq!(
        (&log[6].payload["source"]["title"], &log[6].payload["source"]["version"]),
        (&json!("Changed from Some(1)"), &json!(2))
    );
    log[7].assert_payload(&team.contributor, "contributor", json!({ "sourceId": three, "vaultId": team.vault }));
    Response::to(team.owner.get(&format!("/api/sources/{three}"))).await.expect_status(404);
}

/// Of many changes to the same version of a source, exactly one succeeds; the others get a version mismatch.
#[tokio::test]
async fn concurrent_changes_of_one_source_get_consecutive_versions() {
    const WRITERS: usize = 24;
    let app = App::start_with(&["--database-connections", "10"]).await;
    let team = Team::create(&app).await;
    let source = team.source("Contested").await;
    let change = async |number: usize| {
        let request = team.owner.patch(&source_path(&source), &json!({ "title": format!("By {number}") }));
        let request = if number.is_multiple_of(2) { request.header("if-match", "\"1\"") } else { request };
        Response::to(request).await
    };
    let responses = timeout(DEADLINE, join_all((0..WRITERS).map(change))).await.expect("every request gets a response");
    let (blind, careful): (Vec<_>, Vec<_>) =
        responses.into_iter().enumerate().partition(|(number, _)| !number.is_multiple_of(2));
    let mut done: Vec<i64> = Vec::new();
    for (_, response) in blind {
        done.push(response.expect_status(200).json()["source"]["version"].as_i64().expect("a version"));
    }
    for (_, response) in careful {
        match response.status.as_u16() {
            412 => {}
            _ => done.push(response.expect_status(200).json()["source"]["version"].as_i64().expect("a version")),
        }
    }
    done.sort_unstable();
    let versions: Vec<i64> = (2..).take(done.len()).collect();
    assert_eq!(done, versions);
    assert!((WRITERS / 2..=WRITERS / 2 + 1).contains(&done.len()), "several changes to version 1 succeeded: {done:?}");
    // The vault, two members, the source, and its changes.
    assert_eq!(seqs(&app, &team.vault).await.len(), 4 + done.len());
}

#[tokio::test]
async fn a_deleted_vault_accepts_no_source() {
    let app = App::start().await;
    let owner = app.user("Olga").await;
    let vault = new_vault(&owner, "Short").await;
    Response::to(owner.delete(&format!("/api/vaults/{vault}"))).await.expect_status(204);
    let mut db = app.db.acquire().await.expect("a connection");
    for wait in [false, true] {
        assert_eq!(create_each(&mut db, &[(&vault, &owner.id)], wait).await, [(Some("SY404".to_owned()), None)]);
    }
    post(&owner, &vault, "Late").await.expect_status(404);
    assert_eq!(seqs(&app, &vault).await.len(), 2);
}

/// A vault that is locked for long delays only its own writes, however many wait for it.
#[tokio::test]
async fn a_locked_vault_delays_no_other_vault() {
    const ROUNDS: usize = 8;
    // Fewer connections than rounds: waiting writes must not hold one connection each.
    let app = App::start_with(&["--database-connections", "6"]).await;
    let owner = app.user("Olga").await;
    let held = new_vault(&owner, "Held").await;
    let source = post(&owner, &held, "To be changed").await.expect_status(201).json()["source"].clone();
    // Enough vaults for every lane.
    let free = join_all((0..6).map(|number| {
        let owner = &owner;
        async move { new_vault(owner, &format!("Free {number}")).await }
    }))
    .await;

    let mut holder = app.db.acquire().await.expect("a connection");
    let mut transaction = holder.begin().await.expect("a transaction");
    sqlx::query("SELECT FROM vaults WHERE id = $1::uuid FOR NO KEY UPDATE")
        .bind(&held)
        .fetch_one(&mut *transaction)
        .await
        .expect("the lock");
    let mut waiting = Vec::new();
    for round in 0..ROUNDS {
        let body = json!({ "title": format!("Waits {round}"), "fileUrl": "https://example.com/" });
        let create = owner.post(&format!("/api/vaults/{held}/sources"), &body);
        let change = owner.patch(&source_path(&source), &json!({ "title": format!("Waits {round}") }));
        waiting.extend([create, change].map(|request| tokio::spawn(Response::to(request))));
        let others = join_all(free.iter().map(|vault| post(&owner, vault, "Goes on")));
        for response in timeout(DEADLINE, others).await.expect("not delayed by the lock of another vault") {
            response.expect_status(201);
        }
    }
    assert_eq!(app.head(&held).await, 2);
    transaction.commit().await.expect("released");
    for waited in waiting {
        let response = timeout(DEADLINE, waited).await.expect("the vault is unlocked").expect("a response");
        assert!(response.status.is_success(), "{response}");
    }
    assert_eq!(seqs(&app, &held).await.len(), 2 + 2 * ROUNDS);
}

/// If one write makes the statement fail, only that write fails; the others succeed.
#[tokio::test]
async fn a_failed_write_does_not_fail_others_in_its_batch() {
    const WRITERS: usize = 12;
    let app = App::start_with(&["--database-connections", "10"]).await;
    let owner = app.user("Olga").await;
    let vaults = join_all((0..4).map(|number| {
        let owner = &owner;
        async move { new_vault(owner, &format!("Vault {number}")).await }
    }))
    .await;
    let poisoned = "ALTER TABLE sources ADD CONSTRAINT poison CHECK (title <> 'poison')";
    sqlx::query(AssertSqlSafe(poisoned)).execute(&app.db).await.expect("a constraint");
    let write = async |number: usize| {
        for turn in 0..8 {
            let poison = number.is_multiple_of(3) && turn % 2 == 0;
            let title = if poison { "poison".to_owned() } else { format!("{number}-{turn}") };
            let response = post(&owner, &vaults[(number + turn) % vaults.len()], &title).await;
            response.expect_status(if poison { 500 } else { 201 });
        }
    };
    timeout(DEADLINE, join_all((0..WRITERS).map(write))).await.expect("every request gets a response");
    let mut count = 0;
    for vault in &vaults {
        count += seqs(&app, vault).await.len() - 1;
    }
    assert_eq!(count, WRITERS * 8 - WRITERS / 3 * 4);
}

/// Two nodes that write the same vaults, in any order, do not deadlock.
#[tokio::test]
async fn transactions_over_many_vaults_do_not_deadlock() {
    let app = App::start_with(&["--database-connections", "10"]).await;
    let owner = app.user("Olga").await;
    let vaults = join_all((0..8).map(|number| {
        let owner = &owner;
        async move { new_vault(owner, &format!("Vault {number}")).await }
    }))
    .await;
    let forth: Vec<_> = vaults.iter().map(|vault| (vault.as_str(), owner.id.as_str())).collect();
    let back: Vec<_> = forth.iter().rev().copied().collect();
    let another_node = async |writes: &[(&str, &str)]| {
        let mut db = app.db.acquire().await.expect("a connection");
        let mut created = 0;
        for _ in 0..50 {
            let outcomes = create_each(&mut db, writes, false).await;
            assert!(outcomes.iter().all(|(rejection, _)| rejection.as_deref().is_none_or(|code| code == "busy")));
            created += outcomes.iter().filter(|(rejection, _)| rejection.is_none()).count();
        }
        created
    };
    let through_the_server = async {
        let posts = (0..80).map(|number| post(&owner, &vaults[number % vaults.len()], "By REST"));
        let responses = join_all(posts).await;
        for response in &responses {
            assert_eq!(response.status, 201, "{response}");
        }
        responses.len()
    };
    let all = async { tokio::join!(another_node(&forth), another_node(&back), through_the_server) };
    let (one, other, posted) = timeout(DEADLINE, all).await.expect("no deadlock");
    let mut count = 0;
    for vault in &vaults {
        count += seqs(&app, vault).await.len() - 1;
    }
    assert_eq!(count, one + other + posted);
    assert_eq!(posted, 80);
}
