//! HTTP clients, signed in or not.

use std::ops::Deref;
use std::time::Duration;

use reqwest::header::{CONNECTION, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client as Http, Method, RequestBuilder};
use serde_json::{Value, json};

use super::response::Response;

/// The password of all users.
pub const PASSWORD: &str = "correct horse battery staple";

/// Sends requests to one application, and keeps cookies as a browser does.
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

    /// A request whose body is declared as JSON, whether or not it is.
    pub fn raw(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(method, path).header("content-type", "application/json").body(body)
    }

    /// Reads a path that must return 200.
    pub async fn read(&self, path: &str) -> Value {
        Response::to(self.get(path)).await.expect_status(200).json()
    }
}

/// A signed-in user.
pub struct User {
    client: Client,
    pub id: String,
    pub name: String,
    pub email: String,
    /// The session token.
    pub token: String,
}

impl User {
    pub async fn register(base: &str, name: &str) -> Self {
        let client = Client::new(base);
        let email = format!("{}@example.com", name.to_lowercase());
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        Response::to(client.post("/api/auth/register", &body)).await.expect_status(201);
        let login = client.post("/api/auth/login", &json!({ "email": email, "password": PASSWORD }));
        let response = Response::to(login).await.expect_status(200);
        let cookie = response.header("set-cookie").expect("a session cookie");
        let token = cookie.split_once('=').and_then(|(_, rest)| rest.split(';').next()).expect("a token").to_owned();
        let id = response.json()["user"]["id"].as_str().expect("an id").to_owned();
        Self { client, id, name: name.to_owned(), email, token }
    }
}

impl Deref for User {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A client with one connection per request, so that none is open when the application stops.
fn http() -> Http {
    let close = HeaderMap::from_iter([(CONNECTION, HeaderValue::from_static("close"))]);
    let builder = Http::builder().no_proxy().redirect(Policy::none()).cookie_store(true).default_headers(close);
    builder.timeout(Duration::from_secs(20)).build().expect("a client")
}
