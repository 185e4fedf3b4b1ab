//! A vault with one user of each role, and one of none.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Answer, App, Client, User};

pub struct Team {
    pub vault: String,
    pub owner: User,
    pub contributor: User,
    pub viewer: User,
    /// A member of nothing.
    pub stranger: User,
    pub signed_out: Client,
}

impl Team {
    pub async fn gather(app: &App) -> Self {
        let (owner, contributor, viewer, stranger) =
            tokio::join!(app.user("Olga"), app.user("Carl"), app.user("Vera"), app.user("Nils"));
        let vault = new_vault(&owner, "Research").await;
        let team = Self { vault, owner, contributor, viewer, stranger, signed_out: app.anyone() };
        team.add(&team.contributor, "contributor").await;
        team.add(&team.viewer, "viewer").await;
        team
    }

    /// Who may read, with their roles.
    pub fn members(&self) -> [(&User, &'static str); 3] {
        [(&self.owner, "owner"), (&self.contributor, "contributor"), (&self.viewer, "viewer")]
    }

    /// The path of the vault, and of what is in it.
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

    /// A source in the vault, as the answer shows it.
    pub async fn source(&self, title: &str) -> Value {
        let answer = Answer::to(self.post_source(&self.owner, title)).await.expect_status(201);
        answer.json()["source"].clone()
    }

    pub fn post_source(&self, by: &Client, title: &str) -> RequestBuilder {
        by.post(&self.path("/sources"), &json!({ "title": title, "fileUrl": "https://example.com/paper.pdf" }))
    }
}

/// Creates a vault; returns its id.
pub async fn new_vault(owner: &User, name: &str) -> String {
    let answer = Answer::to(owner.post("/api/vaults", &json!({ "name": name }))).await.expect_status(201);
    answer.json()["vault"]["id"].as_str().expect("an id").to_owned()
}

pub async fn add_member(owner: &User, vault: &str, user: &User, role: &str) {
    let body = json!({ "email": user.email, "role": role });
    Answer::to(owner.post(&format!("/api/vaults/{vault}/members"), &body)).await.expect_status(201);
}

/// The path of a source.
pub fn source_path(source: &Value) -> String {
    format!("/api/sources/{}", source["id"].as_str().expect("an id"))
}
