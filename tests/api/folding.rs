//! I7: the tables are a projection. Folding a vault's log, as read over REST, gives exactly their rows.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{App, Event, Response, Rng, Team, UNKNOWN_ID, User, new_vault};

/// The state of a vault, folded from its log or read from the tables.
#[derive(Debug, Default, PartialEq)]
struct State {
    vault: Option<Value>,
    /// By user id.
    members: BTreeMap<String, Value>,
    /// By id.
    sources: BTreeMap<String, Value>,
}

impl State {
    fn apply(&mut self, event: &Value) {
        let payload = &event["payload"];
        let id = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no id in {event}")).to_owned();
        match event["type"].as_str().unwrap_or_default() {
            "vault:created" => {
                assert_eq!((event["seq"].as_i64(), &self.vault), (Some(1), &None));
                self.vault = Some(payload["vault"].clone());
                self.add_member(&payload["member"]);
            }
            "vault:updated" => self.vault = Some(payload["vault"].clone()),
            "vault:deleted" => *self = Self::default(),
            "member:added" => {
                assert!(!self.members.contains_key(&id(&payload["member"]["userId"])), "{event}");
                self.add_member(&payload["member"]);
            }
            "member:updated" => {
                assert!(self.members.contains_key(&id(&payload["member"]["userId"])), "{event}");
                self.add_member(&payload["member"]);
            }
            "member:removed" => assert!(self.members.remove(&id(&payload["userId"])).is_some(), "{event}"),
            "source:created" => {
                let source = payload["source"].clone();
                assert_eq!(source["version"], 1, "{event}");
                assert!(self.sources.insert(id(&source["id"]), source).is_none(), "{event}");
            }
            "source:updated" => {
                let source = payload["source"].clone();
                let before = self.sources.insert(id(&source["id"]), source.clone()).expect("it was created");
                assert_eq!(source["version"].as_i64(), before["version"].as_i64().map(|version| version + 1));
            }
            "source:deleted" => assert!(self.sources.remove(&id(&payload["sourceId"])).is_some(), "{event}"),
            other => panic!("unknown event type {other:?}"),
        }
    }

    fn add_member(&mut self, member: &Value) {
        // The name belongs to the user, not to the membership.
        let row = json!({ "role": member["role"], "createdAt": member["createdAt"] });
        self.members.insert(member["userId"].as_str().expect("an id").to_owned(), row);
    }

    /// Reads the tables. Times have microseconds, so a stored time that is more precise than the event differs.
    async fn stored(app: &App, vault: &str) -> Self {
        let rows = async |query: &'static str| -> Vec<(String, Value)> {
            sqlx::query_as(query).bind(vault).fetch_all(&app.db).await.expect("rows")
        };
        let vaults = rows(
            "SELECT id::text, json_build_object('id', id, 'name', name, 'createdAt', iso(created_at),
                    'updatedAt', iso(updated_at)) FROM vaults WHERE id = $1::uuid AND deleted_at IS NULL",
        );
        let members = rows(
            "SELECT user_id::text, json_build_object('role', role, 'createdAt', iso(created_at)) FROM vault_users
             WHERE vault_id = $1::uuid",
        );
        let sources = rows(
            "SELECT id::text, json_build_object('id', id, 'title', title, 'fileUrl', file_url, 'vaultId', vault_id,
                    'createdAt', iso(created_at), 'updatedAt', iso(updated_at), 'version', version) FROM sources
             WHERE vault_id = $1::uuid",
        );
        let vault = vaults.await.into_iter().next().map(|(_, vault)| vault);
        let (members, sources) = (members.await.into_iter().collect(), sources.await.into_iter().collect());
        Self { vault, members, sources }
    }
}

/// Formats times as in events, but keeps non-zero microseconds, so that they differ from any time in an event.
const ISO: &str = r#"
    CREATE FUNCTION iso(at timestamptz) RETURNS text LANGUAGE sql AS $$
        SELECT regexp_replace(to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '000$', '') || 'Z' $$"#;

/// Reads the whole log over REST, in pages of `limit`.
async fn log(reader: &User, vault: &str, limit: usize) -> (Vec<Value>, i64) {
    let (mut events, mut after) = (Vec::<Value>::new(), 0);
    loop {
        let page = reader.read(&format!("/api/vaults/{vault}/events?after={after}&limit={limit}")).await;
        let more = page["events"].as_array().expect("a list");
        assert!(more.first().is_none_or(|event| event["seq"] == json!(after + 1)), "{page} is not after {after}");
        events.extend(more.clone());
        let head = page["headSeq"].as_i64().expect("a head");
        after = i64::try_from(events.len()).expect("a length");
        if after >= head {
            return (events, head);
        }
        assert!(!more.is_empty(), "{page} ends before its head");
    }
}

/// A random request, which may be allowed or not, and may name something that exists or not.
fn any_mutation(rng: &mut Rng, users: &[&User], vault: &str, sources: &[String]) -> RequestBuilder {
    let by = rng.pick(users);
    let in_vault = |rest: &str| format!("/api/vaults/{vault}{rest}");
    let member = in_vault(&format!("/members/{}", rng.pick(users).id));
    let source = format!("/api/sources/{}", if sources.is_empty() { UNKNOWN_ID } else { rng.pick(sources) });
    let role = *rng.pick(&["owner", "contributor", "viewer"]);
    let title = format!("{} \"{}\"", ["é", "𝄞", "\\", ""][rng.below(4)], rng.below(1000));
    let url = format!("https://example.com/{}", rng.below(1000));
    match rng.below(16) {
        0 => by.patch(&in_vault(""), &json!({ "name": format!("Vault {title}") })),
        1 | 2 => by.post(&in_vault("/members"), &json!({ "email": rng.pick(users).email, "role": role })),
        3 | 4 => by.patch(&member, &json!({ "role": role })),
        5 => by.delete(&member),
        6..=9 => by.post(&in_vault("/sources"), &json!({ "title": title, "fileUrl": url })),
        10 => by.patch(&source, &json!({ "title": title })),
        11 => by.patch(&source, &json!({ "fileUrl": url })),
        12 => by.patch(&source, &json!({ "title": title, "fileUrl": url })).header("if-match", "\"2\""),
        13 => by.delete(&source).header("if-match", format!("\"{}\"", 1 + rng.below(3))),
        14 => by.delete(&source),
        _ => by.request(Method::POST, &in_vault("/sources")).json(&json!({ "title": "", "fileUrl": url })),
    }
}

#[tokio::test]
async fn folding_the_log_gives_exactly_the_tables() {
    let app = App::start().await;
    sqlx::query(ISO).execute(&app.db).await.expect("a function");
    let team = Team::create(&app).await;
    let users = [&team.owner, &team.contributor, &team.viewer, &team.stranger];
    for seed in 1..=4 {
        let mut rng = Rng::new(seed);
        let vault = new_vault(&team.owner, "Folded").await;
        let (mut sources, mut done, mut rejected) = (Vec::new(), 0, 0);
        for _ in 0..150 {
            let response = Response::to(any_mutation(&mut rng, &users, &vault, &sources)).await;
            assert!(response.status.as_u16() < 500, "seed {seed}: {response}");
            if response.status.is_success() {
                done += 1
            } else {
                rejected += 1
            }
            if response.status.as_u16() == 201
                && let Some(id) = response.json()["source"]["id"].as_str()
            {
                sources.push(id.to_owned());
            }
        }
        assert!(done >= 20 && rejected >= 20, "seed {seed}: too few mutations: {done} done, {rejected} rejected");

        // Any current member: the owners may have changed.
        let stored = State::stored(&app, &vault).await;
        let reader = users.iter().find(|user| stored.members.contains_key(&user.id)).expect("an owner is left");
        let (events, head) = log(reader, &vault, 7).await;
        assert_eq!(events.len(), done + 1, "seed {seed}: one event per successful mutation");
        let mut folded = State::default();
        for (seq, event) in (1..).zip(&events) {
            assert_eq!(event["seq"].as_i64(), Some(seq), "seed {seed}: the log has a gap");
            folded.apply(event);
        }
        assert_eq!(head, app.head(&vault).await);
        assert_eq!(folded, stored, "seed {seed}");
        assert!(!folded.sources.is_empty() && !folded.members.is_empty(), "seed {seed}: nothing to compare");

        // Deleting the vault empties both.
        let owner = users.iter().find(|user| stored.members.get(&user.id).is_some_and(|m| m["role"] == "owner"));
        let owner = owner.expect("an owner is left");
        Response::to(owner.delete(&format!("/api/vaults/{vault}"))).await.expect_status(204);
        for event in Event::of(&app.db, &vault).await.iter().skip(events.len()) {
            folded.apply(&json!({ "seq": event.seq, "type": event.kind, "payload": event.payload }));
        }
        assert_eq!(folded, State::default(), "seed {seed}");
        assert_eq!(State::stored(&app, &vault).await, State::default(), "seed {seed}");
    }
}
