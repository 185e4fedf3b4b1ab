//! Vaults.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::extract::{Mutating, Object, SignedIn};
use crate::app::AppState;
use crate::domain::{Seq, VaultName};
use crate::error::Error;
use crate::store::vaults;

/// Where a mutation says at which position of the log its event is.
pub const VAULT_SEQ: &str = "X-Vault-Seq";

/// The header that says so.
pub fn vault_seq(seq: Seq) -> (&'static str, String) {
    (VAULT_SEQ, seq.to_string())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultBody {
    name: String,
}

pub async fn list(state: Data<AppState>, user: SignedIn) -> Result<HttpResponse, Error> {
    let vaults = vaults::list(&state.pool, user.id()).await?;
    Ok(HttpResponse::Ok().json(json!({ "vaults": vaults })))
}

pub async fn create(
    state: Data<AppState>,
    caller: Mutating,
    body: Json<Object<VaultBody>>,
) -> Result<HttpResponse, Error> {
    let name = VaultName::parse(body.into_inner().0.name)?;
    let applied = state.commands.create_vault(&caller.0, name).await?;
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/vaults/{}", applied.vault_id)))
        .insert_header(vault_seq(applied.seq))
        .json(json!({ "vault": applied.value })))
}

pub async fn show(state: Data<AppState>, user: SignedIn, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let vault = vaults::find(&state.pool, user.id(), path.into_inner().into()).await?;
    Ok(HttpResponse::Ok().json(json!({ "vault": vault })))
}

pub async fn update(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<Uuid>,
    body: Json<Object<VaultBody>>,
) -> Result<HttpResponse, Error> {
    let name = VaultName::parse(body.into_inner().0.name)?;
    let applied = state.commands.update_vault(&caller.0, path.into_inner().into(), name).await?;
    Ok(HttpResponse::Ok().insert_header(vault_seq(applied.seq)).json(json!({ "vault": applied.value })))
}

pub async fn delete(state: Data<AppState>, caller: Mutating, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let applied = state.commands.delete_vault(&caller.0, path.into_inner().into()).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}
