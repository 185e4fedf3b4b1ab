//! What handlers take from a request, each refused with one clear error.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use syncscript_types::{UserId, Version};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use crate::app::AppState;
use crate::command::Caller;
use crate::domain::{IdempotencyKey, Session};
use crate::error::Error;

/// The user of the session that the request's cookie opens.
pub struct SignedIn(pub Session);

impl SignedIn {
    /// Who acts.
    pub fn id(&self) -> UserId {
        self.0.user.id
    }
}

impl FromRequest for SignedIn {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let session = session(&request).await?;
            session.map(SignedIn).ok_or(Error::Unauthorized)
        })
    }
}

/// The signed-in user of a mutation, with the key it may be repeated by.
pub struct Mutating(pub Caller);

impl FromRequest for Mutating {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let key = request.headers().get("idempotency-key").map(|value| {
            // What is no text becomes empty, which no key may be.
            IdempotencyKey::parse(value.to_str().unwrap_or_default().to_owned())
        });
        let signed_in = SignedIn::from_request(request, payload);
        Box::pin(async move { Ok(Self(Caller { id: signed_in.await?.id(), key: key.transpose()? })) })
    }
}

/// Documented where it is taken.
impl IntoParams for Mutating {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("Names the change: repeated with its key by the same user, it is made once"))
            .schema(Some(<IdempotencyKey as utoipa::PartialSchema>::schema()));
        vec![key.build()]
    }
}

/// The header that [`if_match`] reads.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)]
pub struct IfMatch {
    /// The source's ETag: the change is made only at that version.
    #[param(rename = "If-Match", value_type = String, required = false, pattern = r#"^(\*|"[1-9][0-9]{0,8}")$"#)]
    if_match: Option<String>,
}

/// The session of a request, if it has one.
pub async fn session(request: &HttpRequest) -> Result<Option<Session>, Error> {
    let state =
        request.app_data::<Data<AppState>>().ok_or_else(|| Error::Internal("the application has no state".into()))?;
    state.auth.session(cookies(request.headers())).await
}

/// The `Cookie` header.
pub fn cookies(headers: &HeaderMap) -> Option<&str> {
    // Not to_str, which knows ASCII only: another cookie of the site may hold any letters.
    headers.get(header::COOKIE).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// The version in `If-Match: "3"`. Without the header, and with `*`, any version will do.
pub fn if_match(headers: &HeaderMap) -> Result<Option<Version>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    match value.to_str().unwrap_or_default().trim() {
        "*" => Ok(None),
        tag => tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            // As we write them: no sign, no zero in front.
            .filter(|tag| tag.starts_with(|first: char| ('1'..='9').contains(&first)))
            .and_then(|tag| Version::new(tag.parse().ok()?).ok())
            .map(Some)
            .ok_or_else(|| Error::BadRequest("If-Match must be the ETag of the source, such as \"3\"".to_owned())),
    }
}

pub fn json_error(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Error::TooLarge { limit: super::BODY_LIMIT }
        }
        JsonPayloadError::ContentType => Error::NotJson,
        JsonPayloadError::Deserialize(error) => Error::BadRequest(format!("The body is not as expected: {error}")),
        _ => Error::BadRequest("The body could not be read".to_owned()),
    }
    .into()
}

pub fn path_error(_: PathError, _: &HttpRequest) -> actix_web::Error {
    Error::BadRequest("The id in the path must be a UUID".to_owned()).into()
}

pub fn query_error(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Error::BadRequest(format!("The query is not as expected: {error}")).into()
}

/// A body that is a JSON object. Derived structs by themselves take an array of the values too.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}
