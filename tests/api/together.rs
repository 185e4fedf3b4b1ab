//! Mutations of sources at the same time share transactions, and are for all that as if each were alone.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use crate::harness::{Answer, App, Event, Team, User, new_vault, source_path};

/// Far more than anything here takes; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(20);

async fn post(by: &User, vault: &str, title: &str) -> Answer {
    let body = json!({ "title": title, "fileUrl": "https://example.com/" });
    Answer::to(by.post(&format!("/api/vaults/{vault}/sources"), &body)).await
}

/// What `sources_create` says of each, and which seq it gave.
async fn create_each(db: &mut PgConnection, asked: &[(&str, &str)], wait: bool) -> Vec<(Option<String>, Option<i64>)> {
    let ids: Vec<Uuid> = asked.iter().map(|_| Uuid::new_v4()).collect();
    let parse = |id: &str| id.parse::<Uuid>().expect("an id");
    let rows = sqlx::query("SELECT rejection, CASE WHEN rejection IS NULL THEN seq END FROM sources_create($1, $2, $3, $4, $4, $5) ORDER BY ordinal")
        .bind(ids)
        .bind(asked.iter().map(|(vault, _)| parse(vault)).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, actor)| parse(actor)).collect::<Vec<_>>())
        .bind(asked.iter().map(|_| "https://example.com/").collect::<Vec<_>>())
        .bind(wait)
        .fetch_all(db)
        .await
        .expect("an answer for each");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn seqs(app: &App, vault: &str) -> Vec<i64> {
    let seqs: Vec<i64> = Event::of(&app.db, vault).await.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=app.head(vault).await).collect::<Vec<_>>());
    seqs
}

#[tokio::test]
async fn each_is_judged_for_itself() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let other = new_vault(&team.stranger, "Of another").await;
    let nowhere = Uuid::new_v4().to_string();
    let asked = [
        (team.vault.as_str(), team.owner.id.as_str()),
        (&team.vault, &team.viewer.id),
        (&other, &team.stranger.id),
        (&team.vault, &team.stranger.id),
        (&team.vault, &team.contributor.id),
        (&nowhere, &team.owner.id),
        (&other, &team.owner.id),
    ];
    let mut db = app.db.acquire().await.expect("a connection");
    let outcome = create_each(&mut db, &asked, false).await;
    let refused = |code: &str| (Some(code.to_owned()), None);
    // Three events were there: the vault, and two members.
    let expected = [
        (None, Some(4)),
        refused("SY403"),
        (None, Some(2)),
        refused("SY404"),
        (None, Some(5)),
        refused("SY404"),
        refused("SY404"),
    ];
    assert_eq!(outcome, expected);
    assert_eq!((seqs(&app, &team.vault).await.len(), seqs(&app, &other).await.len()), (5, 2));
    for event in Event::of(&app.db, &team.vault).await.iter().filter(|event| event.kind == "source:created") {
        let (by, role) = if event.seq == 4 { (&team.owner, "owner") } else { (&team.contributor, "contributor") };
        event.check_envelope(by);
        let source = json!({ "source": event.payload["source"] });
        event.assert_tells(by, role, source);
    }
}

/// A change of a source: its id, who asks, the version that one knows, and whether it is to go.
type Asked<'a> = (&'a str, &'a str, Option<i32>, bool);

/// What `sources_change` says of each, and which seq it gave.
async fn change_each(db: &mut PgConnection, asked: &[Asked<'_>], wait: bool) -> Vec<(Option<String>, Option<i64>)> {
    let parse = |id: &str| id.parse::<Uuid>().expect("an id");
    let rows = sqlx::query(
        "SELECT rejection, CASE WHEN rejection IS NULL THEN seq END
         FROM sources_change($1, $2, $3, array_fill(NULL::text, ARRAY[cardinality($1)]), $4, $5, $6) ORDER BY ordinal",
    )
    .bind(asked.iter().map(|(source, ..)| parse(source)).collect::<Vec<_>>())
    .bind(asked.iter().map(|(_, actor, ..)| parse(actor)).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., version, _)| format!("Changed from {version:?}")).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., version, _)| *version).collect::<Vec<_>>())
    .bind(asked.iter().map(|(.., delete)| *delete).collect::<Vec<_>>())
    .bind(wait)
    .fetch_all(db)
    .await
    .expect("an answer for each");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn each_change_is_judged_for_itself() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let other = new_vault(&team.stranger, "Of another").await;
    let foreign = post(&team.stranger, &other, "Foreign").await.json()["source"].clone();
    let sources = [team.source("One").await, team.source("Two").await, team.source("Three").await];
    let id = |source: &Value| source["id"].as_str().expect("an id").to_owned();
    let (one, two, three, foreign) = (id(&sources[0]), id(&sources[1]), id(&sources[2]), id(&foreign));
    let nowhere = Uuid::new_v4().to_string();
    let (owner, contributor) = (team.owner.id.as_str(), team.contributor.id.as_str());
    let asked: [Asked; 10] = [
        (&one, owner, Some(1), false),
        (&two, &team.viewer.id, None, false),
        (&foreign, &team.stranger.id, None, true),
        // Of the same source as the first: its turn comes later.
        (&one, contributor, Some(1), false),
        (&two, contributor, Some(7), false),
        (&three, contributor, Some(1), true),
        (&three, owner, None, false),
        (&nowhere, owner, None, true),
        (&foreign, owner, None, true),
        (&two, owner, None, false),
    ];
    let mut db = app.db.acquire().await.expect("a connection");
    let outcome = change_each(&mut db, &asked, false).await;
    let refused = |code: &str| (Some(code.to_owned()), None);
    // Six events were there: the vault, two members and three sources.
    let expected = [
        (None, Some(7)),
        refused("SY403"),
        (None, Some(3)),
        refused("busy"),
        refused("busy"),
        (None, Some(8)),
        refused("busy"),
        refused("SY404"),
        refused("SY404"),
        refused("busy"),
    ];
    assert_eq!(outcome, expected);
    // Asked again, each is judged at its place.
    let again = [(asked[3], "SY412"), (asked[4], "SY412"), (asked[6], "SY404")];
    for (change, code) in again {
        assert_eq!(change_each(&mut db, &[change], true).await, [refused(code)]);
    }
    assert_eq!(change_each(&mut db, &[asked[9]], true).await, [(None, Some(9))]);
    assert_eq!((seqs(&app, &team.vault).await.len(), seqs(&app, &other).await.len()), (9, 3));
    let log = Event::of(&app.db, &team.vault).await;
    let kinds: Vec<_> = log[6..].iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["source:updated", "source:deleted", "source:updated"]);
    log[6].check_envelope(&team.owner);
    assert_eq!(
        (&log[6].payload["source"]["title"], &log[6].payload["source"]["version"]),
        (&json!("Changed from Some(1)"), &json!(2))
    );
    log[7].assert_tells(&team.contributor, "contributor", json!({ "sourceId": three, "vaultId": team.vault }));
    Answer::to(team.owner.get(&format!("/api/sources/{three}"))).await.expect_status(404);
}

/// Of many who change the same source from the same version, one does; the others hear that they are late.
#[tokio::test]
async fn of_those_who_change_one_source_at_once_each_version_has_one() {
    const WRITERS: usize = 24;
    let app = App::start_with(&["--database-connections", "10"]).await;
    let team = Team::gather(&app).await;
    let source = team.source("Contested").await;
    let change = async |number: usize| {
        let request = team.owner.patch(&source_path(&source), &json!({ "title": format!("By {number}") }));
        let request = if number.is_multiple_of(2) { request.header("if-match", "\"1\"") } else { request };
        Answer::to(request).await
    };
    let answers = timeout(DEADLINE, join_all((0..WRITERS).map(change))).await.expect("all are answered");
    let (blind, careful): (Vec<_>, Vec<_>) =
        answers.into_iter().enumerate().partition(|(number, _)| !number.is_multiple_of(2));
    let mut done: Vec<i64> = Vec::new();
    for (_, answer) in blind {
        done.push(answer.expect_status(200).json()["source"]["version"].as_i64().expect("a version"));
    }
    for (_, answer) in careful {
        match answer.status.as_u16() {
            412 => {}
            _ => done.push(answer.expect_status(200).json()["source"]["version"].as_i64().expect("a version")),
        }
    }
    done.sort_unstable();
    let versions: Vec<i64> = (2..).take(done.len()).collect();
    assert_eq!(done, versions);
    assert!((WRITERS / 2..=WRITERS / 2 + 1).contains(&done.len()), "more than one from version 1: {done:?}");
    // The vault, two members, the source, and what was changed.
    assert_eq!(seqs(&app, &team.vault).await.len(), 4 + done.len());
}

#[tokio::test]
async fn a_deleted_vault_takes_nothing() {
    let app = App::start().await;
    let owner = app.user("Olga").await;
    let vault = new_vault(&owner, "Short").await;
    Answer::to(owner.delete(&format!("/api/vaults/{vault}"))).await.expect_status(204);
    let mut db = app.db.acquire().await.expect("a connection");
    for wait in [false, true] {
        assert_eq!(create_each(&mut db, &[(&vault, &owner.id)], wait).await, [(Some("SY404".to_owned()), None)]);
    }
    post(&owner, &vault, "Late").await.expect_status(404);
    assert_eq!(seqs(&app, &vault).await.len(), 2);
}

/// A vault that is held for long delays nothing but itself, however many wait for it.
#[tokio::test]
async fn a_vault_that_is_held_holds_up_no_other() {
    const ROUNDS: usize = 8;
    // Fewer connections than rounds: what waits for the vault must not take one each.
    let app = App::start_with(&["--database-connections", "6"]).await;
    let owner = app.user("Olga").await;
    let held = new_vault(&owner, "Held").await;
    let source = post(&owner, &held, "To be changed").await.expect_status(201).json()["source"].clone();
    // So many that every lane has some.
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
        waiting.extend([create, change].map(|request| tokio::spawn(Answer::to(request))));
        let others = join_all(free.iter().map(|vault| post(&owner, vault, "Goes on")));
        for answer in timeout(DEADLINE, others).await.expect("held up by another's lock") {
            answer.expect_status(201);
        }
    }
    assert_eq!(app.head(&held).await, 2);
    transaction.commit().await.expect("released");
    for waited in waiting {
        let answer = timeout(DEADLINE, waited).await.expect("it is free").expect("an answer");
        assert!(answer.status.is_success(), "{answer}");
    }
    assert_eq!(seqs(&app, &held).await.len(), 2 + 2 * ROUNDS);
}

/// The database fails the statement for one of them: that one hears of it, and the others are there.
#[tokio::test]
async fn one_that_fails_takes_no_other_with_it() {
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
            let answer = post(&owner, &vaults[(number + turn) % vaults.len()], &title).await;
            answer.expect_status(if poison { 500 } else { 201 });
        }
    };
    timeout(DEADLINE, join_all((0..WRITERS).map(write))).await.expect("all are answered");
    let mut count = 0;
    for vault in &vaults {
        count += seqs(&app, vault).await.len() - 1;
    }
    assert_eq!(count, WRITERS * 8 - WRITERS / 3 * 4);
}

/// Two nodes that write the same vaults, in whatever order, never wait for each other in a circle.
#[tokio::test]
async fn transactions_with_many_vaults_do_not_deadlock() {
    let app = App::start_with(&["--database-connections", "10"]).await;
    let owner = app.user("Olga").await;
    let vaults = join_all((0..8).map(|number| {
        let owner = &owner;
        async move { new_vault(owner, &format!("Vault {number}")).await }
    }))
    .await;
    let forth: Vec<_> = vaults.iter().map(|vault| (vault.as_str(), owner.id.as_str())).collect();
    let back: Vec<_> = forth.iter().rev().copied().collect();
    let another_node = async |asked: &[(&str, &str)]| {
        let mut db = app.db.acquire().await.expect("a connection");
        let mut created = 0;
        for _ in 0..50 {
            let outcomes = create_each(&mut db, asked, false).await;
            assert!(outcomes.iter().all(|(refusal, _)| refusal.as_deref().is_none_or(|code| code == "busy")));
            created += outcomes.iter().filter(|(refusal, _)| refusal.is_none()).count();
        }
        created
    };
    let through_the_server = async {
        let posts = (0..80).map(|number| post(&owner, &vaults[number % vaults.len()], "By REST"));
        let answers = join_all(posts).await;
        for answer in &answers {
            assert_eq!(answer.status, 201, "{answer}");
        }
        answers.len()
    };
    let all = async { tokio::join!(another_node(&forth), another_node(&back), through_the_server) };
    let (one, other, posted) = timeout(DEADLINE, all).await.expect("nobody waits for ever");
    let mut count = 0;
    for vault in &vaults {
        count += seqs(&app, vault).await.len() - 1;
    }
    assert_eq!(count, one + other + posted);
    assert_eq!(posted, 80);
}
