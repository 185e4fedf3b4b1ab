//! The secrets shared with Auth.js (AUTH_SECRET).

use secrecy::{ExposeSecret, SecretString};

/// The minimum length of a secret in bytes. The recommended `openssl rand -base64 33` gives 44; half of that is still
/// infeasible to guess.
const MIN_LENGTH: usize = 32;

/// The secrets in use, newest first. The first one signs, all of them verify and decrypt.
#[derive(Clone, Default)]
pub struct SharedSecrets(Vec<SecretString>);

impl SharedSecrets {
    /// Parses a list, separated by commas or white space. An empty list means no secrets.
    ///
    /// # Errors
    /// A secret is too short. The message names the setting, and does not contain the secret.
    pub fn parse(setting: Option<&SecretString>) -> anyhow::Result<Self> {
        let setting = setting.map_or("", |setting| setting.expose_secret());
        let secrets: Vec<SecretString> = setting
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|secret| !secret.is_empty())
            .map(SecretString::from)
            .collect();
        match secrets.iter().position(|secret| secret.expose_secret().len() < MIN_LENGTH) {
            Some(at) => anyhow::bail!(
                "AUTH_SECRET (--auth-secret): secret {} of {} is shorter than {MIN_LENGTH} characters; make one with \
                 `openssl rand -base64 33`, and give the same to Auth.js",
                at + 1,
                secrets.len()
            ),
            None => Ok(Self(secrets)),
        }
    }

    /// Returns the secrets, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(ExposeSecret::expose_secret)
    }

    /// Returns whether there are no secrets.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_a_list_and_errors_do_not_show_short_ones() {
        let parse = |text: &str| SharedSecrets::parse(Some(&SecretString::from(text)));
        let (new, old) = ("n".repeat(32), "o".repeat(40));
        for list in [format!("{new},{old}"), format!(" {new}\n{old} "), format!("{new} , {old}")] {
            assert_eq!(parse(&list).expect("both are long enough").iter().collect::<Vec<_>>(), [&new, &old]);
        }
        assert!(parse("").expect("none").is_empty() && parse(" ,").expect("none").is_empty());
        let error = parse(&format!("{new},hunter2")).map(|_| ()).expect_err("too short").to_string();
        assert!(
            error.contains("AUTH_SECRET") && error.contains("secret 2 of 2") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(!format!("{:?}", SecretString::from("hunter2")).contains("hunter2"));
    }
}
