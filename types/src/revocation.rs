//! Loss of access to a vault.

use serde::Serialize;

/// Why a user who could read a vault no longer can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// The user's membership ended.
    MembershipRevoked,
    /// The vault was deleted.
    VaultDeleted,
}

impl Revocation {
    /// Returns the `reason` that clients read in `vault:left`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::MembershipRevoked => "membership-revoked",
            Self::VaultDeleted => "vault-deleted",
        }
    }
}
