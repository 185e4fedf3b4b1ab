//! The web pages: login and the test page. They are built from `test-ui/` and embedded in the binary.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;
use serde::Serialize;
use utoipa::{Modify, ToSchema};

use crate::domain::Role;
use crate::error::Error;
use crate::http::state::AppState;
use crate::http::static_file::{AssetResponses, PageResponses, file_response};
use crate::seed;

#[derive(RustEmbed)]
#[folder = "test-ui/dist"]
struct Files;

/// Further paths of [`page`], with their operation ids. The annotation of a handler names one path only.
const OTHER_PATHS: [(&str, &str); 2] = [("/login", "loginPage"), ("/test/realtime", "testPage")];

/// Adds the further paths of [`page`] to the OpenAPI document.
pub struct PageAliases;

impl Modify for PageAliases {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        for (path, name) in OTHER_PATHS {
            let Some(mut item) = document.paths.paths.get("/").cloned() else { return };
            if let Some(get) = &mut item.get {
                get.operation_id = Some(name.to_owned());
            }
            document.paths.paths.insert(path.to_owned(), item);
        }
    }
}

/// Get a web page. All pages are the same document; its script reads the path.
#[utoipa::path(
    get, path = "/", tag = "Pages", operation_id = "startPage", security(()),
    responses(PageResponses),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn page(request: HttpRequest) -> Result<HttpResponse, Error> {
    embedded_file(&request, "index.html", "no-cache")
}

/// Get a script or a style sheet of the pages. The file's name changes with its content.
#[utoipa::path(
    get, path = "/assets/{file}", tag = "Pages", operation_id = "asset", security(()),
    params(("file" = String, Path, description = "The file's name")),
    responses(AssetResponses),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn asset(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    embedded_file(&request, &format!("assets/{path}"), "public, max-age=31536000, immutable")
}

/// The demo accounts.
#[derive(Serialize, ToSchema)]
pub struct Demo {
    accounts: Vec<DemoAccount>,
    /// The password of all accounts.
    password: &'static str,
}

#[derive(Serialize, ToSchema)]
struct DemoAccount {
    email: &'static str,
    name: &'static str,
    /// The account's role in the demo vault.
    role: Role,
}

/// List the demo accounts, for the login page. Only if the server runs with `--demo true`.
#[utoipa::path(
    get, path = "/api/demo", tag = "Pages", operation_id = "demo", security(()),
    responses((status = 200, description = "The accounts", body = Demo)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn demo(state: Data<AppState>) -> Result<HttpResponse, Error> {
    if !state.settings.show_demo {
        return Err(Error::NotFound);
    }
    let accounts = seed::USERS.iter().map(|&(email, name, role)| DemoAccount { email, name, role }).collect();
    Ok(HttpResponse::Ok().json(Demo { accounts, password: seed::PASSWORD }))
}

fn embedded_file(request: &HttpRequest, name: &str, cache_control: &'static str) -> Result<HttpResponse, Error> {
    let file = Files::get(name).ok_or(Error::NotFound)?;
    Ok(file_response(request, file.metadata.mimetype(), &file.data, &file.metadata.sha256_hash(), cache_control))
}
