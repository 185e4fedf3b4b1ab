//! The macro that defines the newtypes, and the error of a number below the minimum.

/// A number below the minimum of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not a {name}: the minimum is {minimum}")]
pub struct OutOfRange {
    pub(crate) name: &'static str,
    pub(crate) minimum: i64,
    pub(crate) value: i64,
}

/// Defines a `Copy` newtype with a private field: `Name(Uuid)`, or `Name(integer >= minimum)`.
macro_rules! newtype {
    ($(#[$meta:meta])* $name:ident(Uuid)) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[cfg_attr(feature = "schemas", derive(schemars::JsonSchema, utoipa::ToSchema))]
        #[serde(transparent)]
        pub struct $name(uuid::Uuid);

        newtype!(@shared $name(uuid::Uuid));

        impl From<uuid::Uuid> for $name {
            fn from(id: uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
    ($(#[$meta:meta])* $name:ident($int:ident >= $minimum:tt)) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[cfg_attr(feature = "schemas", derive(schemars::JsonSchema, utoipa::ToSchema), schema(minimum = $minimum))]
        #[serde(transparent)]
        pub struct $name(#[cfg_attr(feature = "schemas", schemars(range(min = $minimum)))] $int);

        newtype!(@shared $name($int));

        impl $name {
            /// Checks the minimum.
            ///
            /// # Errors
            /// [`OutOfRange`](crate::OutOfRange) if `value` is below the minimum.
            pub fn new(value: $int) -> Result<Self, $crate::newtype::OutOfRange> {
                if value < $minimum {
                    let (name, value) = (stringify!($name), i64::from(value));
                    return Err($crate::newtype::OutOfRange { name, minimum: $minimum, value });
                }
                Ok(Self(value))
            }
        }

        impl TryFrom<$int> for $name {
            type Error = $crate::newtype::OutOfRange;

            fn try_from(value: $int) -> Result<Self, Self::Error> {
                Self::new(value)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(<$int as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
    (@shared $name:ident($inner:ty)) => {
        impl $name {
            /// Returns the plain value, for queries and encoders.
            #[must_use]
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

pub(crate) use newtype;
