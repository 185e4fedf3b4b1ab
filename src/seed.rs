//! The demo data: three users, one vault, a few sources. Running it again adds only what is missing.

use outbox_worker::Db;
use syncscript_types::VaultId;

use crate::auth::Auth;
use crate::commands::{Commands, NewSource};
use crate::domain::{Email, FileUrl, MemberName, Password, Role, SourceTitle, User, VaultName};
use crate::error::Error;
use crate::store::{users, vaults};

/// The password of the demo users. It is public: the demo users exist only where an operator added them.
pub const PASSWORD: &str = "syncscript-demo";
const VAULT: &str = "Demo vault";
/// The demo users: email address, name, role.
pub const USERS: [(&str, &str, Role); 3] = [
    ("owner@demo.com", "Olivia Owner", Role::Owner),
    ("contributor@demo.com", "Carlos Contributor", Role::Contributor),
    ("viewer@demo.com", "Vera Viewer", Role::Viewer),
];
const SOURCES: [(&str, &str); 3] = [
    ("RFC 6455: The WebSocket Protocol", "https://www.rfc-editor.org/rfc/rfc6455.pdf"),
    ("RFC 9457: Problem Details for HTTP APIs", "https://www.rfc-editor.org/rfc/rfc9457.pdf"),
    ("PostgreSQL manual: NOTIFY", "https://www.postgresql.org/docs/current/sql-notify.html"),
];

/// The demo data that now exists.
#[derive(Debug)]
pub struct DemoData {
    /// The id of the demo vault.
    pub vault: VaultId,
    /// Email addresses and roles. All users have the password [`PASSWORD`].
    pub users: Vec<(&'static str, Role)>,
}

/// Adds the demo data.
///
/// # Errors
/// Outages and defects. Running it again continues where it stopped.
pub async fn run(pool: &Db, auth: &Auth, commands: &Commands) -> anyhow::Result<DemoData> {
    let owner = find_or_register(pool, auth, USERS[0].0, USERS[0].1).await?;
    let existing = vaults::list(pool, owner.id).await?;
    let vault = match existing.into_iter().find(|vault| vault.name == VAULT) {
        Some(vault) => vault.id,
        None => create_vault(commands, &owner).await?,
    };
    for (email, name, role) in &USERS[1..] {
        find_or_register(pool, auth, email, name).await?;
        match commands.add_member(&owner.id.into(), vault, Email::parse((*email).to_owned())?, *role).await {
            Ok(_) | Err(Error::AlreadyMember) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(DemoData { vault, users: USERS.iter().map(|(email, _, role)| (*email, *role)).collect() })
}

async fn find_or_register(pool: &Db, auth: &Auth, email: &str, name: &str) -> anyhow::Result<User> {
    if let Some((user, _)) = users::find_by_email(pool, email).await? {
        return Ok(user);
    }
    let (email, name) = (Email::parse(email.to_owned())?, MemberName::parse(name.to_owned())?);
    Ok(auth.register(email, name, Password::parse(PASSWORD.to_owned())?, None).await?)
}

async fn create_vault(commands: &Commands, owner: &User) -> anyhow::Result<VaultId> {
    let vault = commands.create_vault(&owner.id.into(), VaultName::parse(VAULT.to_owned())?).await?.vault_id;
    for (title, file_url) in SOURCES {
        let title = SourceTitle::parse(title.to_owned())?;
        let file_url = FileUrl::parse(file_url.to_owned())?;
        commands.create_source(&owner.id.into(), vault, NewSource { title, file_url }).await?;
    }
    Ok(vault)
}
