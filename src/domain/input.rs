//! Input from clients: a value of these types has passed the type's rule.

use url::Url;

use super::schema::text_schema;

/// A field that breaks its rule. The message states the rule and is safe to show to clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {rule}")]
pub struct InvalidField {
    /// The field's name on the wire.
    pub field: &'static str,
    rule: &'static str,
}

const fn invalid_field(field: &'static str, rule: &'static str) -> InvalidField {
    InvalidField { field, rule }
}

/// Counts characters, not bytes. Rejects NUL, because Postgres cannot store it in text.
fn has_length(text: &str, min: usize, max: usize) -> bool {
    let count = text.chars().count();
    (min..=max).contains(&count) && !text.contains('\0')
}

macro_rules! text_input {
    ($(#[$doc:meta])* $name:ident, $field:literal, $rule:literal, $min:literal..=$max:literal, $schema:tt, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Checks the rule.
            ///
            /// # Errors
            /// [`InvalidField`], which states the rule.
            pub fn parse(text: String) -> Result<Self, InvalidField> {
                let check: fn(&str) -> bool = $check;
                let valid = has_length(&text, $min, $max) && check(&text);
                if valid { Ok(Self(text)) } else { Err(invalid_field($field, $rule)) }
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        text_schema!($name, $rule, $min..=$max, $schema);
    };
}

text_input!(
    /// A source's title.
    SourceTitle, "title", "must have 1 to 500 characters, and no NUL", 1..=500, {}, |_| true
);
text_input!(
    /// The URL of a source's file. Only http and https: a `javascript:` URL would run in the browser of anyone who clicks.
    FileUrl, "fileUrl", "must be an absolute http or https URL of at most 2048 characters", 1..=2048,
    { "format": "uri", "pattern": r"^[hH][tT][tT][pP][sS]?://[^/\\]" }, is_file_url
);
text_input!(
    /// A vault's name.
    VaultName, "name", "must have 1 to 200 characters, and no NUL", 1..=200, {}, |_| true
);
text_input!(
    /// A user's name, which other members see.
    MemberName, "name", "must have 1 to 100 characters, and no NUL", 1..=100, {}, |_| true
);
text_input!(
    /// The email address that a user signs in with.
    Email, "email", "must be an email address of at most 254 characters", 3..=254,
    { "pattern": r"^[^@\s]+@\S+$" }, is_email
);

text_input!(
    /// Identifies a mutation that the client may repeat.
    IdempotencyKey, "Idempotency-Key", "must have 1 to 255 visible ASCII characters", 1..=255,
    { "pattern": "^[!-~]+$" }, is_key
);

fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_file_url(text: &str) -> bool {
    // Url::parse skips additional slashes, as browsers do; RFC 9110 requires the host right after two.
    let scheme_is_http = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && !text[scheme.len()..].starts_with(['/', '\\'])
    });
    scheme_is_http
        && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        && Url::parse(text).is_ok_and(|url| url.has_host())
}

/// Loose on purpose, because only the mail server knows which addresses exist.
fn is_email(text: &str) -> bool {
    let has_parts = text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    has_parts && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

/// A password as typed. Its `Debug` output does not contain it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Checks the length; the upper bound keeps hashing cheap.
    ///
    /// # Errors
    /// [`InvalidField`], which states the rule.
    pub fn parse(text: String) -> Result<Self, InvalidField> {
        if has_length(&text, 8, 200) {
            Ok(Self(text))
        } else {
            Err(invalid_field("password", "must have 8 to 200 characters"))
        }
    }

    /// Accepts any text as a password for signing in, so that no rule reveals which passwords exist.
    #[must_use]
    pub fn attempt(text: String) -> Self {
        Self(text)
    }

    /// Returns the bytes, for hashing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

text_schema!(Password, "must have 8 to 200 characters", 8..=200, { "format": "password" });

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_length_counts_characters() {
        assert!(SourceTitle::parse("é".repeat(500)).is_ok());
        for bad in [String::new(), "x".repeat(501), "a\0b".to_owned()] {
            assert!(SourceTitle::parse(bad).is_err());
        }
    }

    #[test]
    fn file_urls_are_absolute_http_urls() {
        for good in ["https://example.com/a.pdf", "HTTP://EXAMPLE.com", "http://[::1]:8080/?q=ü"] {
            assert!(FileUrl::parse(good.to_owned()).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2048));
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://example.com",
            "//example.com",
            "http:example.com",
            "https://",
            " https://example.com",
            "https://exa mple.com",
            "java\nscript:alert(1)",
            "",
            &long,
        ] {
            assert!(FileUrl::parse(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        assert_eq!(format!("{:?}", Password::attempt("hunter22".to_owned())), "Password(…)");
    }
}
