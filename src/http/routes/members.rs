//! Members of a vault: list, add, change the role, remove.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json, Path};
use serde::{Deserialize, Serialize};
use syncscript_types::{UserId, VaultId};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Email, Member, Role};
use crate::error::Error;
use crate::http::extract::caller::{Authenticated, MutationCaller};
use crate::http::extract::json_object::JsonObject;
use crate::http::state::AppState;
use crate::http::vault_seq::vault_seq;
use crate::store::{members, vaults};

/// The user to add, by email address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "email": "ada@example.com", "role": "contributor" }))]
pub struct NewMember {
    #[schema(inline, value_type = Email)]
    email: String,
    role: Role,
}

/// The member's new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MemberChange)]
pub struct NewRole {
    role: Role,
}

/// The members of a vault, owners first.
#[derive(Serialize, ToSchema)]
pub struct MemberList {
    members: Vec<Member>,
}

/// A member.
#[derive(Serialize, ToSchema)]
#[schema(as = OneMember)]
pub struct MemberResponse {
    member: Member,
}

/// List the members of a vault.
#[utoipa::path(
    get, path = "/api/vaults/{vaultId}/members", tag = "Members", operation_id = "listMembers",
    params(("vaultId" = VaultId, Path, description = "The vault's id")),
    responses((status = 200, description = "The members", body = MemberList)),
    extensions(("x-problems" = json!(["NOT_FOUND"])))
)]
pub async fn list(state: Data<AppState>, user: Authenticated, path: Path<Uuid>) -> Result<HttpResponse, Error> {
    let vault: VaultId = path.into_inner().into();
    vaults::membership(&state.pool, user.id(), vault).await?;
    let members = members::list(&state.pool, vault).await?;
    Ok(HttpResponse::Ok().json(MemberList { members }))
}

/// Add a member. Requires the role owner.
#[utoipa::path(
    post, path = "/api/vaults/{vaultId}/members", tag = "Members", operation_id = "addMember",
    params(("vaultId" = VaultId, Path, description = "The vault's id"), MutationCaller), request_body = NewMember,
    responses((
        status = 201, description = "Added", body = MemberResponse,
        headers(("Location" = String, description = "The member's path"))
    )),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "INVALID", "UNKNOWN_EMAIL", "ALREADY_MEMBER"])))
)]
pub async fn add(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<Uuid>,
    body: Json<JsonObject<NewMember>>,
) -> Result<HttpResponse, Error> {
    let NewMember { email, role } = body.into_inner().0;
    let email = Email::parse(email)?;
    let applied = state.commands.add_member(&caller.0, path.into_inner().into(), email, role).await?;
    let (vault, member) = (applied.vault_id, applied.value);
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/vaults/{vault}/members/{}", member.user_id)))
        .insert_header(vault_seq(applied.seq))
        .json(MemberResponse { member }))
}

/// Change a member's role. Requires the role owner.
#[utoipa::path(
    patch, path = "/api/vaults/{vaultId}/members/{userId}", tag = "Members", operation_id = "changeMember",
    params(
        ("vaultId" = VaultId, Path, description = "The vault's id"),
        ("userId" = UserId, Path, description = "The user id of the member"),
        MutationCaller
    ),
    request_body = NewRole, responses((status = 200, description = "Changed", body = MemberResponse)),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "LAST_OWNER"])))
)]
pub async fn update(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<(Uuid, Uuid)>,
    body: Json<JsonObject<NewRole>>,
) -> Result<HttpResponse, Error> {
    let (vault, member) = path.into_inner();
    let applied =
        state.commands.update_member(&caller.0, vault.into(), member.into(), body.into_inner().0.role).await?;
    Ok(HttpResponse::Ok().insert_header(vault_seq(applied.seq)).json(MemberResponse { member: applied.value }))
}

/// Remove a member. Requires the role owner; any member may leave.
#[utoipa::path(
    delete, path = "/api/vaults/{vaultId}/members/{userId}", tag = "Members", operation_id = "removeMember",
    params(
        ("vaultId" = VaultId, Path, description = "The vault's id"),
        ("userId" = UserId, Path, description = "The user id of the member"),
        MutationCaller
    ),
    responses((status = 204, description = "Removed")),
    extensions(("x-problems" = json!(["NOT_FOUND", "FORBIDDEN", "LAST_OWNER"])))
)]
pub async fn remove(
    state: Data<AppState>,
    caller: MutationCaller,
    path: Path<(Uuid, Uuid)>,
) -> Result<HttpResponse, Error> {
    let (vault, member) = path.into_inner();
    let applied = state.commands.remove_member(&caller.0, vault.into(), member.into()).await?;
    Ok(HttpResponse::NoContent().insert_header(vault_seq(applied.seq)).finish())
}
