//! The REST interface as an OpenAPI 3.1 document, made from the handlers: paths, bodies and answers stand where the
//! handlers are, and what follows from them is added here (`additions.rs`), so that no handler has to repeat it.
//!
//! To document a route: `#[utoipa::path(…)]` on its handler, its name in the list below. A route without either fails
//! `tests/api/contract.rs`.

mod additions;

use std::sync::LazyLock;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi};

use self::additions::Additions;
use super::pages::SamePage;

use super::{auth, authjs, docs, events, health, members, metrics, pages, problem, sources, vaults};

/// The document, as it is served.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// Makes the document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SyncScript",
        description = "Shared lists of sources that every member sees live. Changes are made here; they are heard over \
            Socket.IO, which [/api/asyncapi.json](/api/asyncapi.json) describes.\n\n\
            Every path that takes GET takes HEAD too. Every error is a problem document (RFC 9457); `code` says which. \
            An unknown path answers 404 `NOT_FOUND`, another method 405 `METHOD_NOT_ALLOWED` with `Allow`."
    ),
    paths(
        auth::register, auth::login, auth::logout, auth::session,
        authjs::csrf, authjs::providers, authjs::sign_in_page, authjs::error_page, authjs::sign_in, authjs::sign_out,
        vaults::list, vaults::create, vaults::show, vaults::update, vaults::delete,
        members::list, members::add, members::update, members::remove,
        sources::list, sources::create, sources::show, sources::update, sources::delete, sources::history,
        events::list,
        pages::demo, pages::page, pages::asset,
        docs::openapi, docs::asyncapi, docs::page, docs::asset,
        metrics::show, health::alive, health::ready,
    ),
    tags(
        (name = "Sign in", description = "Users and their sessions"),
        (name = "Auth.js", description = "Signing in as the clients of Auth.js do (next-auth 4 and 5)"),
        (name = "Vaults", description = "Lists, each with members and a log of its own"),
        (name = "Members", description = "Who may read, change and manage a vault"),
        (name = "Sources", description = "What a vault lists"),
        (name = "Log", description = "What happened in a vault, in order"),
        (name = "Pages", description = "The test page"),
        (name = "Documents", description = "This interface"),
        (name = "Operation", description = "For load balancers and operators"),
    ),
    components(schemas(problem::Problem)),
    security(("session" = [])),
    modifiers(&Session, &SamePage, &Additions),
)]
struct Document;

/// How a request says who asks.
struct Session;

impl Modify for Session {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let cookie = ApiKeyValue::with_description(
            "authjs.session-token",
            "Set by `POST /api/auth/login`. Where the server is reached by https its name begins with `__Secure-`.",
        );
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}
