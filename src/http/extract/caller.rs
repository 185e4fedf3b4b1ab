//! The user who makes a request.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use syncscript_types::UserId;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

use crate::commands::Caller;
use crate::domain::{IdempotencyKey, Session};
use crate::error::Error;
use crate::http::session::current_session;

/// The authenticated user of a request. Rejects a request without a session.
pub struct Authenticated(pub Session);

impl Authenticated {
    /// Returns the user's id.
    pub fn id(&self) -> UserId {
        self.0.user.id
    }
}

impl FromRequest for Authenticated {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { current_session(&request).await?.map(Authenticated).ok_or(Error::Unauthorized) })
    }
}

/// The authenticated user of a mutation, with its `Idempotency-Key`, if there is one.
pub struct MutationCaller(pub Caller);

impl FromRequest for MutationCaller {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let key = request.headers().get("idempotency-key").map(|value| {
            // A header that is not valid text becomes an empty key, which is invalid.
            IdempotencyKey::parse(value.to_str().unwrap_or_default().to_owned())
        });
        let user = Authenticated::from_request(request, payload);
        Box::pin(async move { Ok(Self(Caller { id: user.await?.id(), key: key.transpose()? })) })
    }
}

/// Documents the header wherever the extractor is used.
impl IntoParams for MutationCaller {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Identifies the change. Repeating a request with the same key does not repeat the change.",
            ))
            .schema(Some(IdempotencyKey::schema()));
        vec![key.build()]
    }
}
