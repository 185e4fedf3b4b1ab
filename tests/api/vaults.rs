//! Vaults: creating, listing, renaming and deleting them.

use serde_json::{Value, json};

use crate::harness::{App, Event, Response, Team, UNKNOWN_ID, add_member, is_time, new_vault, source_path};

#[tokio::test]
async fn creating_a_vault_returns_it_and_starts_its_log() {
    let app = App::start().await;
    let ann = app.user("Ann").await;
    let request = ann.post("/api/vaults", &json!({ "name": "Research" }));
    let (response, event) = app.assert_appends(&ann, request, 201, "vault:created").await;
    let vault = response.json()["vault"].clone();
    let (id, at) = (&event.vault_id, &event.created_at);
    let shown =
        json!({ "id": id, "name": "Research", "role": "owner", "headSeq": 1, "createdAt": at, "updatedAt": at });
    assert_eq!(response.json(), json!({ "vault": shown }));
    assert_eq!(response.header("location"), Some(format!("/api/vaults/{id}").as_str()));
    assert_eq!(event.seq, 1);
    let fields = json!({
        "vaultId": id,
        "vault": { "id": id, "name": "Research", "createdAt": at, "updatedAt": at },
        "member": { "userId": ann.id, "userName": "Ann", "role": "owner", "createdAt": at },
    });
    event.assert_payload(&ann, "owner", fields);
    // The Location header is the path of the vault.
    assert_eq!(ann.read(response.header("location").expect("a location")).await, json!({ "vault": vault }));
}

#[tokio::test]
async fn the_list_shows_the_users_vaults_by_name_with_role_and_head() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    assert_eq!(team.stranger.read("/api/vaults").await, json!({ "vaults": [] }));
    let earlier = new_vault(&team.contributor, "Archive").await;
    team.source("One").await;

    let list = team.contributor.read("/api/vaults").await;
    let vaults = list["vaults"].as_array().expect("a list");
    assert_eq!(vaults.len(), 2);
    assert_eq!((&vaults[0]["id"], &vaults[1]["id"]), (&json!(earlier), &json!(team.vault)));
    for (vault, role, head) in [(&vaults[0], "owner", 1), (&vaults[1], "contributor", 4)] {
        assert_eq!(vault["role"], role);
        assert_eq!(vault["headSeq"], head);
        assert_eq!(app.head(vault["id"].as_str().expect("an id")).await, head);
        assert!(is_time(&vault["createdAt"]) && is_time(&vault["updatedAt"]));
        // The list and the vault's own route return the same fields.
        let path = format!("/api/vaults/{}", vault["id"].as_str().expect("an id"));
        assert_eq!(&team.contributor.read(&path).await["vault"], vault);
    }
    assert_eq!(list.as_object().map(|fields| fields.len()), Some(1));
}

#[tokio::test]
async fn each_member_sees_the_vault_with_their_own_role() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for (user, role) in team.members() {
        let vault = user.read(&team.path("")).await["vault"].clone();
        assert_eq!((&vault["name"], &vault["role"], &vault["headSeq"]), (&json!("Research"), &json!(role), &json!(3)));
        assert_eq!(vault.as_object().map(|fields| fields.len()), Some(6));
    }
}

#[tokio::test]
async fn renaming_changes_only_the_name() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let before = team.owner.read(&team.path("")).await["vault"].clone();
    // 200 characters, each of 4 bytes.
    let name = "𝄞".repeat(200);
    let request = team.owner.patch(&team.path(""), &json!({ "name": name }));
    let (response, event) = app.assert_appends(&team.owner, request, 200, "vault:updated").await;
    let mut expected = before.clone();
    expected["name"] = json!(name);
    expected["headSeq"] = json!(4);
    expected["updatedAt"] = json!(event.created_at);
    assert_eq!(response.json(), json!({ "vault": expected }));
    assert_ne!(before["updatedAt"], expected["updatedAt"]);
    let fields = json!({
        "vaultId": team.vault,
        "vault": {
            "id": team.vault, "name": name, "createdAt": before["createdAt"], "updatedAt": event.created_at,
        },
    });
    event.assert_payload(&team.owner, "owner", fields);
    assert_eq!(team.owner.read(&team.path("")).await["vault"], expected);
}

#[tokio::test]
async fn invalid_names_are_rejected() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    for name in [String::new(), "x".repeat(201), "a\0b".to_owned()] {
        for request in [
            team.owner.post("/api/vaults", &json!({ "name": name })),
            team.owner.patch(&team.path(""), &json!({ "name": name })),
        ] {
            let document = app.assert_rejected(request, 422, "INVALID").await;
            assert_eq!(document["field"], "name");
        }
    }
}

#[tokio::test]
async fn deleting_empties_the_projection_and_keeps_the_log() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let other = new_vault(&team.owner, "Untouched").await;
    add_member(&team.owner, &other, &team.viewer, "viewer").await;
    let (one, _two) = (team.source("One").await, team.source("Two").await);
    let log = Event::of(&app.db, &team.vault).await;
    let untouched = Event::of(&app.db, &other).await;

    let (response, event) =
        app.assert_appends(&team.owner, team.owner.delete(&team.path("")), 204, "vault:deleted").await;
    assert_eq!(response.text, "");
    event.assert_payload(&team.owner, "owner", json!({ "vaultId": team.vault }));

    let mut expected = log;
    expected.push(event.clone());
    assert_eq!(Event::of(&app.db, &team.vault).await, expected);
    assert_eq!(expected.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    let rows: (i64, i64, bool) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM sources WHERE vault_id = v.id),
                (SELECT count(*) FROM vault_users WHERE vault_id = v.id), deleted_at IS NOT NULL
         FROM vaults v WHERE id = $1::uuid",
    )
    .bind(&team.vault)
    .fetch_one(&app.db)
    .await
    .expect("the row of the deleted vault");
    assert_eq!(rows, (0, 0, true));

    // Not found for every member, on every route.
    for (user, _) in team.members() {
        for request in [
            user.get(&team.path("")),
            user.get(&team.path("/members")),
            user.get(&team.path("/sources")),
            user.get(&team.path("/events")),
            user.get(&source_path(&one)),
            user.patch(&source_path(&one), &json!({ "title": "x" })),
            user.delete(&source_path(&one)),
            user.patch(&team.path(""), &json!({ "name": "x" })),
            user.delete(&team.path("")),
            user.delete(&team.member_path(user)),
            user.post(&team.path("/members"), &json!({ "email": team.stranger.email, "role": "viewer" })),
            team.post_source(user, "x"),
        ] {
            app.assert_rejected(request, 404, "NOT_FOUND").await;
        }
    }
    // The other vault is unchanged.
    assert_eq!(Event::of(&app.db, &other).await, untouched);
    for user in [&team.owner, &team.viewer] {
        let list = user.read("/api/vaults").await;
        let ids: Vec<&Value> = list["vaults"].as_array().expect("a list").iter().map(|vault| &vault["id"]).collect();
        assert_eq!(ids, [&json!(other)]);
    }
}

#[tokio::test]
async fn an_unknown_vault_and_an_inaccessible_vault_get_the_same_response() {
    let app = App::start().await;
    let team = Team::create(&app).await;
    let source = source_path(&team.source("Secret").await);
    let unknown = format!("/api/vaults/{UNKNOWN_ID}");
    let stranger = &team.stranger;
    let name = json!({ "name": "x" });
    let member = json!({ "email": stranger.email, "role": "viewer" });
    let new = json!({ "title": "x", "fileUrl": "https://example.com" });
    for (inaccessible, missing) in [
        (stranger.get(&team.path("")), stranger.get(&unknown)),
        (stranger.patch(&team.path(""), &name), stranger.patch(&unknown, &name)),
        (stranger.delete(&team.path("")), stranger.delete(&unknown)),
        (stranger.get(&team.path("/members")), stranger.get(&format!("{unknown}/members"))),
        (stranger.post(&team.path("/members"), &member), stranger.post(&format!("{unknown}/members"), &member)),
        (stranger.get(&team.path("/sources")), stranger.get(&format!("{unknown}/sources"))),
        (stranger.post(&team.path("/sources"), &new), stranger.post(&format!("{unknown}/sources"), &new)),
        (stranger.get(&team.path("/events")), stranger.get(&format!("{unknown}/events"))),
        (stranger.get(&source), stranger.get(&format!("/api/sources/{UNKNOWN_ID}"))),
        (stranger.delete(&source), stranger.delete(&format!("/api/sources/{UNKNOWN_ID}"))),
    ] {
        let mut one = app.assert_rejected(inaccessible, 404, "NOT_FOUND").await;
        let mut other = app.assert_rejected(missing, 404, "NOT_FOUND").await;
        (one["requestId"], other["requestId"]) = (Value::Null, Value::Null);
        assert_eq!(one, other);
    }
    // Also for a user who is an owner elsewhere.
    Response::to(team.owner.get(&team.path(""))).await.expect_status(200);
    app.assert_rejected(team.owner.get(&unknown), 404, "NOT_FOUND").await;
    app.assert_rejected(team.owner.patch(&unknown, &name), 404, "NOT_FOUND").await;
}
