//! Ids: UUIDs of different types, so that a user cannot be passed where a vault is expected.

use uuid::Uuid;

use crate::newtype::newtype;

newtype! {
    /// A vault: the unit of order, membership and subscription.
    VaultId(Uuid)
}

newtype! {
    /// A user, as the actor of an event or as a member of a vault.
    UserId(Uuid)
}

newtype! {
    /// A source; unique across vaults.
    SourceId(Uuid)
}

impl SourceId {
    /// Returns a new id. It is a version 7 UUID, so that rows created together are stored together in the index.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}
