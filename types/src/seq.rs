//! Positions in a log.

use crate::newtype::newtype;

newtype! {
    /// A position in one vault's log: 1 is its first event; 0 is "before the first".
    Seq(i64 >= 0)
}

impl Seq {
    /// The position before the first event.
    pub const START: Self = Self(0);

    /// Returns the position right after this one.
    ///
    /// ```
    /// use syncscript_types::Seq;
    ///
    /// assert_eq!(Seq::START.next(), Seq::new(1)?);
    /// assert_eq!(Seq::new(1)?.previous(), Seq::START);
    /// assert!(Seq::new(-1).is_err());
    /// # Ok::<(), syncscript_types::OutOfRange>(())
    /// ```
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns the position right before this one; [`Seq::START`] for [`Seq::START`].
    #[must_use]
    pub const fn previous(self) -> Self {
        if self.0 == 0 { Self::START } else { Self(self.0 - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::Seq;

    #[test]
    fn a_seq_is_never_negative() {
        assert_eq!(Seq::new(0), Ok(Seq::START));
        for negative in [-1, i64::MIN] {
            let error = Seq::new(negative).expect_err("negative");
            assert_eq!(error.to_string(), format!("{negative} is not a Seq: the minimum is 0"));
            assert_eq!(Seq::try_from(negative), Err(error));
            assert!(serde_json::from_str::<Seq>(&negative.to_string()).is_err());
        }
        assert_eq!(Seq::START.previous(), Seq::START);
    }

    #[test]
    fn a_seq_is_a_plain_number_on_the_wire() {
        let seq: Seq = serde_json::from_str("7").expect("a seq");
        assert_eq!(serde_json::to_string(&seq).expect("JSON"), "7");
        for invalid in ["1.5", "\"3\"", "true", "null", "9223372036854775808"] {
            assert!(serde_json::from_str::<Seq>(invalid).is_err(), "{invalid}");
        }
    }
}
