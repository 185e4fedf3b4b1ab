//! Names of things in the log. Private fields: a seq cannot be mistaken for a version, nor a user for a vault.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schemas", derive(schemars::JsonSchema, utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// The UUID itself, for the store.
            #[must_use]
            pub const fn get(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A vault: the unit of order, membership and subscription.
    VaultId
);
uuid_id!(
    /// A user, as actor of an event or as member of a vault.
    UserId
);

/// A position in one vault's log: 1 is its first event; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema, utoipa::ToSchema), schema(minimum = 0))]
#[serde(transparent)]
pub struct Seq(#[cfg_attr(feature = "schemas", schemars(range(min = 0)))] i64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The number itself, for the store.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The position right after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl From<i64> for Seq {
    fn from(seq: i64) -> Self {
        Self(seq)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
