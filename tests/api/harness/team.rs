//! A vault with one member per role, and a user who is not a member.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::app::App;
use super::response::Response;
use super::user::{Client, User};

pub struct Team {
    pub vault: String,
    pub owner: User,
    pub contributor: User,
    pub viewer: User,
    /// A user who is a member of no vault.
    pub stranger: User,
    pub signed_out: Client,
}

impl Team {
    pub async fn create(app: &App) -> Self {
        let (owner, contributor, viewer, stranger) =
            tokio::join!(app.user("Olga"), app.user("Carl"), app.user("Vera"), app.user("Nils"));
        let vault = new_vault(&owner, "Research").await;
        let team = Self { vault, owner, contributor, viewer, stranger, signed_out: app.anonymous() };
        team.add(&team.contributor, "contributor").await;
        team.add(&team.viewer, "viewer").await;
        team
    }

    /// The members, with their roles.
    pub fn members(&self) -> [(&User, &'static str); 3] {
        [(&self.owner, "owner"), (&self.contributor, "contributor"), (&self.viewer, "viewer")]
    }

    /// The path of the vault, with `rest` appended.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/vaults/{}{rest}", self.vault)
    }

    /// The path of a membership.
    pub fn member_path(&self, user: &User) -> String {
        self.path(&format!("/members/{}", user.id))
    }

    pub async fn add(&self, user: &User, role: &str) {
        add_member(&self.owner, &self.vault, user, role).await;
    }

    /// Creates a source in the vault, and returns it as the response shows it.
    pub async fn source(&self, title: &str) -> Value {
        let response = Response::to(self.post_source(&self.owner, title)).await.expect_status(201);
        response.json()["source"].clone()
    }

    pub fn post_source(&self, by: &Client, title: &str) -> RequestBuilder {
        by.post(&self.path("/sources"), &json!({ "title": title, "fileUrl": "https://example.com/paper.pdf" }))
    }
}

/// Creates a vault, and returns its id.
pub async fn new_vault(owner: &User, name: &str) -> String {
    let response = Response::to(owner.post("/api/vaults", &json!({ "name": name }))).await.expect_status(201);
    response.json()["vault"]["id"].as_str().expect("an id").to_owned()
}

pub async fn add_member(owner: &User, vault: &str, user: &User, role: &str) {
    let body = json!({ "email": user.email, "role": role });
    Response::to(owner.post(&format!("/api/vaults/{vault}/members"), &body)).await.expect_status(201);
}

/// The path of a source.
pub fn source_path(source: &Value) -> String {
    format!("/api/sources/{}", source["id"].as_str().expect("an id"))
}
