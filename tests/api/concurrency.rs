//! Concurrent requests: the vault's lock orders them, and each is checked at its position in that order.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Notify;

use crate::harness::{App, Event, Response, Team, User, add_member, new_vault};

/// Enough rounds to hit the interleavings that a wrong order of lock and check would allow.
const ROUNDS: usize = 12;

async fn owners(app: &App, vault: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT user_id::text FROM vault_users WHERE vault_id = $1::uuid AND role = 'owner'")
        .bind(vault)
        .fetch_all(&app.db)
        .await
        .expect("owners")
}

/// Creates a vault that both users own.
async fn owned_by(one: &User, other: &User) -> String {
    let vault = new_vault(one, "Contested").await;
    add_member(one, &vault, other, "owner").await;
    vault
}

fn statuses(one: &Response, other: &Response) -> [u16; 2] {
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    statuses
}

/// Asserts that the log of the vault has no gap up to its head (I2).
async fn assert_gapless(app: &App, vault: &str) -> Vec<Event> {
    let events = Event::of(&app.db, vault).await;
    let seqs: Vec<i64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=app.head(vault).await).collect::<Vec<_>>());
    events
}

#[tokio::test]
async fn of_two_owners_who_remove_each_other_exactly_one_succeeds() {
    let app = App::start().await;
    let (ann, bob) = tokio::join!(app.user("Ann"), app.user("Bob"));
    for _ in 0..ROUNDS {
        let vault = owned_by(&ann, &bob).await;
        let path = |user: &User| format!("/api/vaults/{vault}/members/{}", user.id);
        let (by_ann, by_bob) =
            tokio::join!(Response::to(ann.delete(&path(&bob))), Response::to(bob.delete(&path(&ann))));
        // The loser is no longer a member when its request gets the lock.
        assert_eq!(statuses(&by_ann, &by_bob), [204, 404], "{by_ann}, {by_bob}");
        let winner = if by_ann.status.is_success() { &ann } else { &bob };
        assert_eq!(owners(&app, &vault).await, [winner.id.as_str()]);
        assert_eq!(assert_gapless(&app, &vault).await.len(), 3);
    }
}

#[tokio::test]
async fn of_two_owners_who_leave_exactly_one_succeeds() {
    let app = App::start().await;
    let (ann, bob) = tokio::join!(app.user("Ann"), app.user("Bob"));
    for _ in 0..ROUNDS {
        let vault = owned_by(&ann, &bob).await;
        let leave = |user: &User| user.delete(&format!("/api/vaults/{vault}/members/{}", user.id));
        let (by_ann, by_bob) = tokio::join!(Response::to(leave(&ann)), Response::to(leave(&bob)));
        assert_eq!(statuses(&by_ann, &by_bob), [204, 409], "{by_ann}, {by_bob}");
        assert_eq!(owners(&app, &vault).await.len(), 1);
        assert_eq!(assert_gapless(&app, &vault).await.len(), 3);
    }
}

#[tokio::test]
async fn of_two_owners_who_demote_each_other_exactly_one_succeeds() {
    let app = App::start().await;
    let (ann, bob) = tokio::join!(app.user("Ann"), app.user("Bob"));
    for _ in 0..ROUNDS {
        let vault = owned_by(&ann, &bob).await;
        let demote = |by: &User, user: &User| {
            by.patch(&format!("/api/vaults/{vault}/members/{}", user.id), &json!({ "role": "viewer" }))
        };
        let (by_ann, by_bob) = tokio::join!(Response::to(demote(&ann, &bob)), Response::to(demote(&bob, &ann)));
        assert_eq!(statuses(&by_ann, &by_bob), [200, 403], "{by_ann}, {by_bob}");
        assert_eq!(owners(&app, &vault).await.len(), 1);
        assert_eq!(assert_gapless(&app, &vault).await.len(), 3);
    }
}

#[tokio::test]
async fn a_user_added_twice_concurrently_becomes_a_member_once() {
    let app = App::start().await;
    let (ann, bob) = tokio::join!(app.user("Ann"), app.user("Bob"));
    for _ in 0..ROUNDS {
        let vault = new_vault(&ann, "Contested").await;
        let add = |role: &str| {
            ann.post(&format!("/api/vaults/{vault}/members"), &json!({ "email": bob.email, "role": role }))
        };
        let (one, other) = tokio::join!(Response::to(add("viewer")), Response::to(add("contributor")));
        assert_eq!(statuses(&one, &other), [201, 409], "{one}, {other}");
        assert_eq!(assert_gapless(&app, &vault).await.len(), 2);
    }
}

/// Decision 24: the role is read after the lock, so a write that waited for the lock behind a removal is rejected.
#[tokio::test]
async fn a_removed_member_writes_nothing_after_the_removal() {
    const WRITERS: usize = 6;
    // More connections than writers, so they wait for the vault's lock and not for a connection.
    let app = App::start_with(&["--database-connections", "10"]).await;
    let team = Team::create(&app).await;
    let member = &team.contributor;
    for _ in 0..ROUNDS {
        let (written, busy) = (AtomicUsize::new(0), Notify::new());
        let write = async |number: usize| {
            for _ in 0..1000 {
                let response = Response::to(team.post_source(member, &format!("By writer {number}"))).await;
                match response.status.as_u16() {
                    201 if written.fetch_add(1, Ordering::Relaxed) == WRITERS => busy.notify_one(),
                    201 => {}
                    404 => return,
                    _ => panic!("{response}"),
                }
            }
            panic!("a removed member can still write");
        };
        let remove = async {
            busy.notified().await;
            Response::to(team.owner.delete(&team.member_path(member))).await.expect_status(204)
        };
        let (removal, _) = tokio::join!(remove, join_all((0..WRITERS).map(write)));
        let removal: i64 = removal.header("x-vault-seq").and_then(|seq| seq.parse().ok()).expect("a seq");

        let events = assert_gapless(&app, &team.vault).await;
        let late: Vec<_> = events.iter().filter(|event| event.actor_id == member.id && event.seq > removal).collect();
        assert!(late.is_empty(), "written after the removal at {removal}: {late:?}");
        let last = events.last().expect("events");
        assert_eq!((last.seq, last.kind.as_str()), (removal, "member:removed"));
        assert!(events.iter().any(|event| event.actor_id == member.id && event.seq < removal));
        team.add(member, "contributor").await;
    }
}

/// I2: rejected writes leave no gap, and every response has the seq of its own event.
#[tokio::test]
async fn concurrent_writers_on_two_vaults_leave_two_gapless_logs() {
    let app = App::start_with(&["--database-connections", "10"]).await;
    let team = Team::create(&app).await;
    let second = new_vault(&team.owner, "Second").await;
    add_member(&team.owner, &second, &team.contributor, "contributor").await;
    let writer = async |number: usize| {
        let vault = if number.is_multiple_of(2) { &team.vault } else { &second };
        let by = if number % 4 < 2 { &team.owner } else { &team.contributor };
        let mut reported = Vec::new();
        for turn in 0..10 {
            let title = format!("{number}-{turn}");
            let body = json!({ "title": title, "fileUrl": "https://example.com/" });
            let response =
                Response::to(by.post(&format!("/api/vaults/{vault}/sources"), &body)).await.expect_status(201);
            let seq: i64 = response.header("x-vault-seq").and_then(|seq| seq.parse().ok()).expect("a seq");
            reported.push((vault.clone(), seq, response.json()["source"].clone()));
            // Rolled back together with its increment of the head.
            Response::to(team.post_source(&team.viewer, "x")).await.expect_status(403);
        }
        reported
    };
    let reported: Vec<_> = join_all((0..8).map(writer)).await.into_iter().flatten().collect();
    assert_eq!(reported.len(), 80);
    let mut logs = [assert_gapless(&app, &team.vault).await, assert_gapless(&app, &second).await].concat();
    for (vault, seq, source) in reported {
        let event = logs.iter().position(|event| event.vault_id == vault && event.seq == seq).expect("its event");
        assert_eq!(logs.swap_remove(event).payload["source"], source);
    }
    assert!(logs.iter().all(|event| !event.kind.starts_with("source:")), "an event belongs to no response");
}
