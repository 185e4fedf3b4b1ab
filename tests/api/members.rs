//! Members: listed, added, changed, removed; and the owner that every vault keeps.

use serde_json::{Value, json};

use crate::harness::{App, NOBODY, Team, User, is_time};

fn shown(user: &User, role: &str, created_at: &Value) -> Value {
    json!({ "userId": user.id, "name": user.name, "email": user.email, "role": role, "createdAt": created_at })
}

#[tokio::test]
async fn every_member_sees_all_members_owners_first() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let list = team.owner.read(&team.path("/members")).await;
    let members = list["members"].as_array().expect("a list");
    assert!(members.iter().all(|member| is_time(&member["createdAt"])), "{list}");
    let expected = [
        shown(&team.owner, "owner", &members[0]["createdAt"]),
        shown(&team.contributor, "contributor", &members[1]["createdAt"]),
        shown(&team.viewer, "viewer", &members[2]["createdAt"]),
    ];
    assert_eq!(list, json!({ "members": expected }));
    assert_eq!(team.viewer.read(&team.path("/members")).await, list);
}

#[tokio::test]
async fn adding_answers_with_the_member_and_lets_it_in() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let new = &team.stranger;
    app.refuses(new.get(&team.path("")), 404, "NOT_FOUND").await;
    // By an address that differs in case from the registered one.
    let body = json!({ "email": "NILS@Example.com", "role": "contributor" });
    let request = team.owner.post(&team.path("/members"), &body);
    let (answer, event) = app.writes(&team.owner, request, 201, "member:added").await;
    let at = json!(event.created_at);
    assert_eq!(answer.json(), json!({ "member": shown(new, "contributor", &at) }));
    assert_eq!(answer.header("location"), Some(team.member_path(new).as_str()));
    let member = json!({ "userId": new.id, "userName": new.name, "role": "contributor", "createdAt": at });
    event.assert_tells(&team.owner, "owner", json!({ "vaultId": team.vault, "member": member }));
    app.writes(new, team.post_source(new, "By the new one"), 201, "source:created").await;
}

#[tokio::test]
async fn adding_is_refused_for_unknown_addresses_members_and_bad_fields() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let add =
        |email: &str, role: &str| team.owner.post(&team.path("/members"), &json!({ "email": email, "role": role }));
    app.refuses(add("nobody@example.com", "viewer"), 422, "UNKNOWN_EMAIL").await;
    for again in [&team.viewer.email, &team.owner.email, "VERA@example.com"] {
        app.refuses(add(again, "contributor"), 409, "ALREADY_MEMBER").await;
    }
    for bad in ["", "nils", "nils\0@example.com", "nils @example.com"] {
        assert_eq!(app.refuses(add(bad, "viewer"), 422, "INVALID").await["field"], "email");
    }
    for role in ["admin", "Owner", "", "owner "] {
        app.refuses(add(&team.stranger.email, role), 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn a_changed_role_holds_from_its_event_on() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let viewer = &team.viewer;
    app.refuses(team.post_source(viewer, "Too early"), 403, "FORBIDDEN").await;
    let since = team.owner.read(&team.path("/members")).await["members"][2]["createdAt"].clone();

    let promote = team.owner.patch(&team.member_path(viewer), &json!({ "role": "contributor" }));
    let (answer, event) = app.writes(&team.owner, promote, 200, "member:updated").await;
    assert_eq!(answer.json(), json!({ "member": shown(viewer, "contributor", &since) }));
    let member = json!({ "userId": viewer.id, "userName": viewer.name, "role": "contributor", "createdAt": since });
    event.assert_tells(&team.owner, "owner", json!({ "vaultId": team.vault, "member": member }));
    let (_, event) = app.writes(viewer, team.post_source(viewer, "In time"), 201, "source:created").await;
    assert_eq!(event.payload["actor"]["role"], "contributor");

    let demote = team.owner.patch(&team.member_path(viewer), &json!({ "role": "viewer" }));
    app.writes(&team.owner, demote, 200, "member:updated").await;
    app.refuses(team.post_source(viewer, "Too late"), 403, "FORBIDDEN").await;
}

#[tokio::test]
async fn a_new_owner_may_do_what_an_owner_does_and_the_old_one_may_go() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let promote = team.owner.patch(&team.member_path(&team.contributor), &json!({ "role": "owner" }));
    app.writes(&team.owner, promote, 200, "member:updated").await;
    let leave = team.owner.delete(&team.member_path(&team.owner));
    app.writes(&team.owner, leave, 204, "member:removed").await;
    app.refuses(team.owner.get(&team.path("")), 404, "NOT_FOUND").await;
    let rename = team.contributor.patch(&team.path(""), &json!({ "name": "Mine" }));
    app.writes(&team.contributor, rename, 200, "vault:updated").await;
}

#[tokio::test]
async fn removing_ends_every_access_at_once() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let gone = &team.contributor;
    let request = team.owner.delete(&team.member_path(gone));
    let (answer, event) = app.writes(&team.owner, request, 204, "member:removed").await;
    assert_eq!(answer.text, "");
    event.assert_tells(&team.owner, "owner", json!({ "vaultId": team.vault, "userId": gone.id }));
    for path in ["", "/members", "/sources", "/events"] {
        app.refuses(gone.get(&team.path(path)), 404, "NOT_FOUND").await;
    }
    app.refuses(team.post_source(gone, "Too late"), 404, "NOT_FOUND").await;
    app.refuses(team.owner.delete(&team.member_path(gone)), 404, "NOT_FOUND").await;
    assert_eq!(gone.read("/api/vaults").await, json!({ "vaults": [] }));
    // And may come back.
    let again = team.owner.post(&team.path("/members"), &json!({ "email": gone.email, "role": "viewer" }));
    app.writes(&team.owner, again, 201, "member:added").await;
    gone.read(&team.path("")).await;
}

#[tokio::test]
async fn anyone_may_leave() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for (user, role) in [(&team.viewer, "viewer"), (&team.contributor, "contributor")] {
        let (_, event) = app.writes(user, user.delete(&team.member_path(user)), 204, "member:removed").await;
        event.assert_tells(user, role, json!({ "vaultId": team.vault, "userId": user.id }));
        app.refuses(user.get(&team.path("")), 404, "NOT_FOUND").await;
        app.refuses(user.delete(&team.member_path(user)), 404, "NOT_FOUND").await;
    }
    let left = team.owner.read(&team.path("/members")).await;
    assert_eq!(left["members"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn only_oneself_may_a_member_remove() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for user in [&team.viewer, &team.contributor] {
        for (other, _) in team.members().into_iter().filter(|(other, _)| other.id != user.id) {
            app.refuses(user.delete(&team.member_path(other)), 403, "FORBIDDEN").await;
        }
        app.refuses(user.patch(&team.member_path(user), &json!({ "role": "owner" })), 403, "FORBIDDEN").await;
    }
}

#[tokio::test]
async fn the_last_owner_can_neither_go_nor_be_demoted() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    let path = team.member_path(&team.owner);
    app.refuses(team.owner.delete(&path), 409, "LAST_OWNER").await;
    for role in ["contributor", "viewer"] {
        app.refuses(team.owner.patch(&path, &json!({ "role": role })), 409, "LAST_OWNER").await;
    }
    // With a second owner each may go, until one is left.
    let promote = team.owner.patch(&team.member_path(&team.viewer), &json!({ "role": "owner" }));
    app.writes(&team.owner, promote, 200, "member:updated").await;
    let demote = team.viewer.patch(&path, &json!({ "role": "viewer" }));
    app.writes(&team.viewer, demote, 200, "member:updated").await;
    app.refuses(team.viewer.delete(&team.member_path(&team.viewer)), 409, "LAST_OWNER").await;
}

#[tokio::test]
async fn a_user_who_is_no_member_is_not_there_to_be_changed() {
    let app = App::start().await;
    let team = Team::gather(&app).await;
    for path in [team.member_path(&team.stranger), team.path(&format!("/members/{NOBODY}"))] {
        for role in ["viewer", "owner"] {
            app.refuses(team.owner.patch(&path, &json!({ "role": role })), 404, "NOT_FOUND").await;
        }
        app.refuses(team.owner.delete(&path), 404, "NOT_FOUND").await;
    }
}
