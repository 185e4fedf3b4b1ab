//! Members of a vault.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::extract::{Mutating, Object, SignedIn};
use super::vaults::vault_seq;
use crate::app::AppState;
use crate::domain::{Email, Role, VaultId};
use crate::error::Error;
use crate::store::{members, vaults};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    email: String,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    role: Role,
}

pub async fn list(state: Data<AppState>, user: SignedIn, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let vault: VaultId = path.into_inner().into();
    vaults::membership(&state.pool, user.id(), vault).await?;
    let members = members::list(&state.pool, vault).await?;
    Ok(HttpResponse::Ok().json(json!({ "members": members })))
}

pub async fn add(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<Uuid>,
    body: Json<Object<NewMember>>,
) -> Result<HttpResponse, Error> {
    let NewMember { email, role } = body.into_inner().0;
    let email = Email::parse(email)?;
    let applied = state.commands.add_member(&caller.0, path.into_inner().into(), email, role).await?;
    let (vault, member) = (applied.vault_id, applied.value);
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/vaults/{vault}/members/{}", member.user_id)))
        .insert_header(vault_seq(applied.seq))
        .json(json!({ "member": member })))
}

pub async fn update(
    state: Data<AppState>,
    caller: Mutating,
    path: Path<(Uuid, Uuid)>,
    body: Json<Object<MemberChange>>,
) -> Result<HttpResponse, Error> {
    let (vault, member) = path.into_inner();
    let applied =
        state.commands.update_member(&caller.0, vault.into(), member.into(), body.into_inner().0.role).await?;
    Ok(HttpResponse::Ok().insert_header(vault_seq(applied.seq)).json(json!({ "member": applied.value })))
}

pub async fn remove(state: Data<AppState>, caller: Mutating, path: Path<(Uuid, Uuid)>) -> Result<HttpResponse, Error> {
    let (vault, member) = path.into_inner();
    let applied = state.commands.remove_member(&caller.0, vault.into(), member.into()).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}
