//! Versions of a source.

use crate::newtype::newtype;

newtype! {
    /// How many times a source was written: 1 at creation. Used as its ETag.
    Version(i32 >= 1)
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn a_version_is_at_least_one() {
        assert_eq!(Version::new(1).map(Version::get), Ok(1));
        for invalid in [0, -1, i32::MIN] {
            assert!(Version::new(invalid).is_err(), "{invalid}");
            assert!(Version::try_from(invalid).is_err(), "{invalid}");
            assert!(serde_json::from_str::<Version>(&invalid.to_string()).is_err(), "{invalid}");
        }
    }
}
