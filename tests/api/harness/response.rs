//! Sends a request and reads the whole response.

use std::fmt;

use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::openapi;

/// A response that was read to its end. Displays as the request and its outcome.
pub struct Response {
    request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Response {
    /// Sends the request. Panics if the OpenAPI document does not describe the response.
    pub async fn to(request: RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request that can be sent");
        let (method, path) = (request.method().to_string(), request.url().path().to_owned());
        let name = format!("{method} {}", request.url());
        let response = client.execute(request).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        openapi::assert_documented(&method, &path, status, &headers, &text);
        Self { request: name, status, headers, text }
    }

    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self}");
        self
    }

    /// The body as JSON. A success must declare it as JSON.
    pub fn json(&self) -> Value {
        if self.status.is_success() {
            assert_eq!(self.header("content-type"), Some("application/json"), "{self}");
        }
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{self} is not JSON: {error}"))
    }

    /// The header's value. Panics if the header occurs twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().expect("a text header"));
        assert!(values.next().is_none(), "{self} has {name} twice");
        value
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.request, self.status, self.text)
    }
}
