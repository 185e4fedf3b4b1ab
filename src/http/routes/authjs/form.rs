//! The bodies of sign-in and sign-out: a form or a JSON object.

use std::collections::HashMap;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Bytes;
use utoipa::ToSchema;

use crate::error::Error;

/// The fields of a sign-in.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
pub struct Credentials {
    csrf_token: String,
    email: String,
    password: String,
    callback_url: Option<String>,
    json: Option<String>,
}

/// The fields of a sign-out.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
pub struct SignOut {
    csrf_token: String,
    callback_url: Option<String>,
    json: Option<String>,
}

/// The fields of a body. Not deserialized into a struct, since Auth.js clients send further fields.
pub struct Form(HashMap<String, String>);

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// NotForm, BadRequest.
    pub fn parse(request: &HttpRequest, body: &Bytes) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Ok(Self(url::form_urlencoded::parse(body).into_owned().collect()));
        }
        if !kind.starts_with("application/json") {
            return Err(Error::NotForm);
        }
        let fields: HashMap<String, serde_json::Value> = serde_json::from_slice(body)
            .map_err(|error| Error::BadRequest(format!("The body is not as expected: {error}")))?;
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(Self(fields.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }

    /// Returns a field; an absent one is empty.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}
