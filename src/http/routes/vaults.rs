//! Vaults: list, create, read, rename, delete.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use syncscript_types::VaultId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Vault, VaultName};
use crate::error::Error;
use crate::http::extract::caller::{Authenticated, MutationCaller};
use crate::http::extract::json_object::JsonObject;
use crate::http::state::AppState;
use crate::http::vault_seq::vault_seq;
use crate::store::vaults;

/// The name of a vault.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NamedVault, example = json!({ "name": "Reading list" }))]
pub struct VaultNameBody {
    #[schema(inline, value_type = VaultName)]
    name: String,
}

/// The vaults of a user.
#[derive(Serialize, ToSchema)]
pub struct VaultList {
    vaults: Vec<Vault>,
}

/// A vault.
#[derive(Serialize, ToSchema)]
#[schema(as = OneVault)]
pub struct VaultResponse {
    vault: Vault,
}

/// List the user's vaults.
#[utoipa::path(
    get, path = "/api/vaults", tag = "Vaults", operation_id = "listVaults",
    responses((status = 200, description = "The vaults", body = VaultList))
)]
pub async fn list(state: Data<AppState>, user: Authenticated) -> Result<HttpResponse, Error> {
    let vaults = vaults::list(&state.pool, user.id()).await?;
    Ok(HttpResponse::Ok().json(VaultList { vaults }))
}

/// Create a vault. The user becomes its owner.
#[utoipa::path(
    post, path = "/api/vaults", tag = "Vaults", operation_id = "createVault", params(MutationCaller),
    request_body = VaultNameBody,
    responses((
        status = 201, description = "Created", body = VaultResponse,
        headers(("Location" = String, description = "The vault's path"))
    )),
    extensions(("x-problems" = json!(["INVALID"])))
)]
pub async fn create(
    state: Data<AppState>,
    caller: MutationCaller,
    body: Json<JsonObject<VaultNameBody>>,
) -> Result<HttpResponse, Error> {
    let name = VaultName::parse(body.into_inner().0.name)?;
    let applied = state.commands.create_vault(&caller.0, name).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/vaults/{}", applied.vault_id)))
        .insert_header(vault_seq(applied.seq))
        .json(VaultResponse { vault: applied.value }))
}

/// Read a vault.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}", tag = "Vaults", operation_id = "readVault",
    params(("vaultId" = VaultId, Path, description = "The vault's id")),
    responses((status = 200, description = "The vault", body = VaultResponse)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn show(state: Data<AppState>, user: Authenticated, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let vault = vaults::find(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(HttpResponse::Ok().json(VaultResponse { vault }))
}

/// Rename a vault. Requires the role owner.
#[utoipa::path(
    patch, path = "/api/vaults/{vaultId}", tag = "Vaults", operation_id = "renameVault",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), MutationCaller), request_body = VaultNameBody,
    responses((status = 200, description = "Renamed", body = VaultResponse)),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID"])))
)]
pub async fn update(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<Uuid>,
    body: Json<JsonObject<VaultNameBody>>,
) -> Result<HttpResponse, Error> {
    let name = VaultName::parse(body.into_inner().0.name)?;
    let applied = state.commands.update_vault(&caller.0, path.into_inner().into(), name).await?;
    Ok(HttpResponse::Ok().insert_header(vault_seq(applied.seq)).json(VaultResponse { vault: applied.value }))
}

/// Delete a vault. Requires the role owner.
#[utoipa::path(
    delete, path = "/api/vaults/{vaultId}", tag = "Vaults", operation_id = "deleteVault",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), MutationCaller),
    responses((status = 204, description = "Deleted")),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN"])))
)]
pub async fn delete(state: Data<AppState>, caller: MutationCaller, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let applied = state.commands.delete_vault(&caller.0, path.into_inner().into()).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}
