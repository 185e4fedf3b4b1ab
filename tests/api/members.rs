//! Members: listing, adding, changing and removing them, and the last owner that every vault keeps.

use serde_json::{Value, json};

use crate::harness::{App, Team, UNKNOWN_ID, User, is_time};

fn member_json(user: &User, role: &str, created_at: &Value) -> Value {
    json!({ "userId": user.id, "name": user.name, "email": user.email, "role": role, "createdAt": created_at })
}

#[tokio::test]
async fn every_member_sees_all_members_owners_first() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let list = team.owner.read(&team.path("/members")).await;
    let members = list["members"].as_array().expect("a list");
    assert!(members.iter().all(|member| is_time(&member["createdAt"])), "{list}");
    let expected = [
        member_json(&team.owner, "owner", &members[0]["createdAt"]),
        member_json(&team.contributor, "contributor", &members[1]["createdAt"]),
        member_json(&team.viewer, "viewer", &members[2]["createdAt"]),
    ];
    assert_eq!(list, json!({ "members": expected }));
    assert_eq!(team.viewer.read(&team.path("/members")).await, list);
}

#[tokio::test]
async fn adding_a_member_returns_the_member_and_grants_access() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let new = &team.stranger;
    app.assert_rejected(new.get(&team.path("")), 404, "NOT_FOUND").await;
    // The address differs in case from the registered one.
    let body = json!({ "email": "NILS@Example.com", "role": "contributor" });
    let request = team.owner.post(&team.path("/members"), &body);
    let (response, event) = app.assert_appends(&team.owner, request, 201, "member:added").await;
    let at = json!(event.created_at);
    assert_eq!(response.json(), json!({ "member": member_json(new, "contributor", &at) }));
    assert_eq!(response.header("location"), Some(team.member_path(new).as_str()));
    let member = json!({ "userId": new.id, "userName": new.name, "role": "contributor", "createdAt": at });
    event.assert_payload(&team.owner, "owner", json!({ "vaultId": team.vault, "member": member }));
    app.assert_appends(new, team.post_source(new, "By the new member"), 201, "source:created").await;
}

#[tokio::test]
async fn adding_is_rejected_for_unknown_addresses_existing_members_and_invalid_fields() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let add =
        |email: &str, role: &str| team.owner.post(&team.path("/members"), &json!({ "email": email, "role": role }));
    app.assert_rejected(add("nobody@example.com", "viewer"), 422, "UNKNOWN_EMAIL").await;
    for again in [&team.viewer.email, &team.owner.email, "VERA@example.com"] {
        app.assert_rejected(add(again, "contributor"), 409, "ALREADY_MEMBER").await;
    }
    for bad in ["", "nils", "nils\0@example.com", "nils @example.com"] {
        assert_eq!(app.assert_rejected(add(bad, "viewer"), 422, "INVALID").await["field"], "email");
    }
    for role in ["admin", "Owner", "", "owner "] {
        app.assert_rejected(add(&team.stranger.email, role), 400, "BAD_REQUEST").await;
    }
}

#[tokio::test]
async fn a_changed_role_applies_from_its_event_on() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let viewer = &team.viewer;
    app.assert_rejected(team.post_source(viewer, "Too early"), 403, "FORBIDDEN").await;
    let since = team.owner.read(&team.path("/members")).await["members"][2]["createdAt"].clone();

    let promote = team.owner.patch(&team.member_path(viewer), &json!({ "role": "contributor" }));
    let (response, event) = app.assert_appends(&team.owner, promote, 200, "member:updated").await;
    assert_eq!(response.json(), json!({ "member": member_json(viewer, "contributor", &since) }));
    let member = json!({ "userId": viewer.id, "userName": viewer.name, "role": "contributor", "createdAt": since });
    event.assert_payload(&team.owner, "owner", json!({ "vaultId": team.vault, "member": member }));
    let (_, event) = app.assert_appends(viewer, team.post_source(viewer, "In time"), 201, "source:created").await;
    assert_eq!(event.payload["actor"]["role"], "contributor");

    let demote = team.owner.patch(&team.member_path(viewer), &json!({ "role": "viewer" }));
    app.assert_appends(&team.owner, demote, 200, "member:updated").await;
    app.assert_rejected(team.post_source(viewer, "Too late"), 403, "FORBIDDEN").await;
}

#[tokio::test]
async fn a_new_owner_has_all_rights_and_the_old_one_may_leave() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let promote = team.owner.patch(&team.member_path(&team.contributor), &json!({ "role": "owner" }));
    app.assert_appends(&team.owner, promote, 200, "member:updated").await;
    let leave = team.owner.delete(&team.member_path(&team.owner));
    app.assert_appends(&team.owner, leave, 204, "member:removed").await;
    app.assert_rejected(team.owner.get(&team.path("")), 404, "NOT_FOUND").await;
    let rename = team.contributor.patch(&team.path(""), &json!({ "name": "Mine" }));
    app.assert_appends(&team.contributor, rename, 200, "vault:updated").await;
}

#[tokio::test]
async fn removing_a_member_ends_all_access_immediately() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let removed = &team.contributor;
    let request = team.owner.delete(&team.member_path(removed));
    let (response, event) = app.assert_appends(&team.owner, request, 204, "member:removed").await;
    assert_eq!(response.text, "");
    event.assert_payload(&team.owner, "owner", json!({ "vaultId": team.vault, "userId": removed.id }));
    for path in ["", "/members", "/sources", "/events"] {
        app.assert_rejected(removed.get(&team.path(path)), 404, "NOT_FOUND").await;
    }
    app.assert_rejected(team.post_source(removed, "Too late"), 404, "NOT_FOUND").await;
    app.assert_rejected(team.owner.delete(&team.member_path(removed)), 404, "NOT_FOUND").await;
    assert_eq!(removed.read("/api/vaults").await, json!({ "vaults": [] }));
    // The user can be added again.
    let again = team.owner.post(&team.path("/members"), &json!({ "email": removed.email, "role": "viewer" }));
    app.assert_appends(&team.owner, again, 201, "member:added").await;
    removed.read(&team.path("")).await;
}

#[tokio::test]
async fn every_member_may_leave() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (user, role) in [(&team.viewer, "viewer"), (&team.contributor, "contributor")] {
        let (_, event) = app.assert_appends(user, user.delete(&team.member_path(user)), 204, "member:removed").await;
        event.assert_payload(user, role, json!({ "vaultId": team.vault, "userId": user.id }));
        app.assert_rejected(user.get(&team.path("")), 404, "NOT_FOUND").await;
        app.assert_rejected(user.delete(&team.member_path(user)), 404, "NOT_FOUND").await;
    }
    let left = team.owner.read(&team.path("/members")).await;
    assert_eq!(left["members"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn members_who_are_not_owners_can_remove_only_themselves() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for user in [&team.viewer, &team.contributor] {
        for (other, _) in team.members().into_iter().filter(|(other, _)| other.id != user.id) {
            app.assert_rejected(user.delete(&team.member_path(other)), 403, "FORBIDDEN").await;
        }
        app.assert_rejected(user.patch(&team.member_path(user), &json!({ "role": "owner" })), 403, "FORBIDDEN").await;
    }
}

#[tokio::test]
async fn the_last_owner_can_neither_leave_nor_be_demoted() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let path = team.member_path(&team.owner);
    app.assert_rejected(team.owner.delete(&path), 409, "LAST_OWNER").await;
    for role in ["contributor", "viewer"] {
        app.assert_rejected(team.owner.patch(&path, &json!({ "role": role })), 409, "LAST_OWNER").await;
    }
    // With a second owner, either may leave, until one is left.
    let promote = team.owner.patch(&team.member_path(&team.viewer), &json!({ "role": "owner" }));
    app.assert_appends(&team.owner, promote, 200, "member:updated").await;
    let demote = team.viewer.patch(&path, &json!({ "role": "viewer" }));
    app.assert_appends(&team.viewer, demote, 200, "member:updated").await;
    app.assert_rejected(team.viewer.delete(&team.member_path(&team.viewer)), 409, "LAST_OWNER").await;
}

#[tokio::test]
async fn changing_or_removing_a_non_member_returns_404() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for path in [team.member_path(&team.stranger), team.path(&format!("/members/{UNKNOWN_ID}"))] {
        for role in ["viewer", "owner"] {
            app.assert_rejected(team.owner.patch(&path, &json!({ "role": role })), 404, "NOT_FOUND").await;
        }
        app.assert_rejected(team.owner.delete(&path), 404, "NOT_FOUND").await;
    }
}
