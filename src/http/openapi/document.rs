//! The document, generated from the handlers. Each handler describes its path, bodies and responses; the parts that
//! all operations share are added here, so that no handler repeats them.
//!
//! To document a route, put `#[utoipa::path(…)]` on its handler and list the handler below. `tests/api/contract/` fails
//! for a route that lacks either.

use std::sync::LazyLock;

use utoipa::OpenApi;

use super::security::SessionCookie;
use super::shared_responses::SharedResponses;
use crate::http::problem::Problem;
use crate::http::routes::authjs::{csrf, login_page, providers, sign_in, sign_out};
use crate::http::routes::pages::PageAliases;
use crate::http::routes::{auth, docs, events, health, history, members, metrics, pages, sources, vaults};

/// The document as JSON text.
pub static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_json().unwrap_or_default());

/// Makes the document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    // utoipa derives a contact from Cargo's `authors`, which gives no address.
    document.info.contact = None;
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "SyncScript",
        description = "Shared lists of sources that every member sees live. Make changes here; receive them over \
            Socket.IO, which [/api/asyncapi.json](/api/asyncapi.json) describes.\n\n\
            Every GET route also answers HEAD. Every error is a problem document (RFC 9457); its `code` names the error. \
            An unknown path gives 404 `NOT_FOUND`, an unsupported method 405 `METHOD_NOT_ALLOWED` with `Allow`."
    ),
    paths(
        auth::register, auth::login, auth::logout, auth::session,
        csrf::csrf, providers::providers, login_page::sign_in_page, login_page::error_page, sign_in::sign_in,
        sign_out::sign_out,
        vaults::list, vaults::create, vaults::show, vaults::update, vaults::delete,
        members::list, members::add, members::update, members::remove,
        sources::list, sources::create, sources::show, sources::update, sources::delete, history::show,
        events::list,
        pages::demo, pages::page, pages::asset,
        docs::openapi, docs::asyncapi, docs::page, docs::asset,
        metrics::show, health::live, health::ready,
    ),
    tags(
        (name = "Sign in", description = "Users and their sessions"),
        (name = "Auth.js", description = "Signing in with Auth.js clients (next-auth 4 and 5)"),
        (name = "Vaults", description = "Lists of sources, each with its own members and log"),
        (name = "Members", description = "Who may read, change and manage a vault"),
        (name = "Sources", description = "The entries of a vault"),
        (name = "Log", description = "The events of a vault, in order"),
        (name = "Pages", description = "The login page and the test page"),
        (name = "Documents", description = "The description of this interface"),
        (name = "Operation", description = "For load balancers and operators"),
    ),
    components(schemas(Problem)),
    security(("session" = [])),
    modifiers(&SessionCookie, &PageAliases, &SharedResponses),
)]
struct Document;
