//! Roles: what a member may do in a vault.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A member's role. Owners manage the vault and its members, contributors change sources, viewers read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
#[schemars(!try_from)]
pub enum Role {
    /// May do everything. Only owners may change the vault and its members.
    Owner,
    /// May change sources.
    Contributor,
    /// May read and receive events.
    Viewer,
}

impl Role {
    /// Returns the name used in the database and on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Contributor => "contributor",
            Self::Viewer => "viewer",
        }
    }

    /// Parses a stored role. A role that this version does not know gets the fewest rights.
    #[must_use]
    pub fn from_stored(name: &str) -> Self {
        match name {
            "owner" => Self::Owner,
            "contributor" => Self::Contributor,
            _ => Self::Viewer,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Accepts only the name. A derived enum would also accept `{"owner": null}`.
impl TryFrom<String> for Role {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match name.as_str() {
            "owner" => Ok(Self::Owner),
            "contributor" => Ok(Self::Contributor),
            "viewer" => Ok(Self::Viewer),
            _ => Err("a role is owner, contributor or viewer"),
        }
    }
}
