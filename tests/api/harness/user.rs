//! Who asks.

use std::ops::Deref;

use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};

use super::Answer;
use super::app::http;

/// Everyone's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// Sends requests to one application, and keeps its cookies as a browser does.
pub struct Client {
    base: String,
    http: Http,
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self { base: base.to_owned(), http: http() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::PATCH, path).json(body)
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// A body that need not be JSON, declared as JSON all the same.
    pub fn raw(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(method, path).header("content-type", "application/json").body(body)
    }

    /// Reads what must be there.
    pub async fn read(&self, path: &str) -> Value {
        Answer::to(self.get(path)).await.expect_status(200).json()
    }
}

/// A user who is signed in.
pub struct User {
    client: Client,
    pub id: String,
    pub name: String,
    pub email: String,
    /// The session's secret.
    pub token: String,
}

impl User {
    pub async fn register(base: &str, name: &str) -> Self {
        let client = Client::new(base);
        let email = format!("{}@example.com", name.to_lowercase());
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        Answer::to(client.post("/api/auth/register", &body)).await.expect_status(201);
        let login = client.post("/api/auth/login", &json!({ "email": email, "password": PASSWORD }));
        let answer = Answer::to(login).await.expect_status(200);
        let cookie = answer.header("set-cookie").expect("a session cookie");
        let token = cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).expect("a token").to_owned();
        let id = answer.json()["user"]["id"].as_str().expect("an id").to_owned();
        Self { client, id, name: name.to_owned(), email, token }
    }
}

impl Deref for User {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}
