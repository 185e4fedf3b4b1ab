//! The secrets shared with Auth.js, and the keys they give.

use secrecy::{ExposeSecret, SecretString};

use super::jwe::{Claims, Keys};

/// Shortest secret, in bytes: half of what the recommended `openssl rand -base64 33` gives, and far beyond guessing.
const SHORTEST: usize = 32;

/// The secrets in use: the first one signs, all are believed.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Reads a list, separated by commas or white space, newest first. An empty one is none.
    ///
    /// # Errors
    /// One sentence that names the setting, and not the secret.
    pub fn parse(text: Option<&SecretString>) -> anyhow::Result<Self> {
        let text = text.map_or("", |text| text.expose_secret());
        let secrets: Vec<String> = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|secret| !secret.is_empty())
            .map(str::to_owned)
            .collect();
        match secrets.iter().position(|secret| secret.len() < SHORTEST) {
            Some(at) => anyhow::bail!(
                "AUTH_SECRET (--auth-secret): secret {} of {} is shorter than {SHORTEST} characters; make one with \
                 `openssl rand -base64 33`, and give the same to Auth.js",
                at + 1,
                secrets.len()
            ),
            None => Ok(Self(secrets)),
        }
    }

    /// Each secret, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys of all secrets for tokens in this cookie.
    #[must_use]
    pub fn keys(&self, of: impl Fn(&str) -> Keys) -> Keyring {
        Keyring(self.iter().map(of).collect())
    }
}

/// The keys for the tokens of one cookie.
#[derive(Clone)]
pub struct Keyring(Vec<Keys>);

impl Keyring {
    /// What the token says, if any of the keys made it.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Claims> {
        self.0.iter().find_map(|keys| keys.open(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_a_list_and_short_ones_are_refused_without_being_shown() {
        let read = |text: &str| Secrets::parse(Some(&SecretString::from(text)));
        let (new, old) = ("n".repeat(32), "o".repeat(40));
        for list in [format!("{new},{old}"), format!(" {new}\n{old} "), format!("{new} , {old}")] {
            assert_eq!(read(&list).expect("both are long enough").iter().collect::<Vec<_>>(), [&new, &old]);
        }
        assert!(read("").expect("none").is_empty() && read(" ,").expect("none").is_empty());
        let error = read(&format!("{new},hunter2")).map(|_| ()).expect_err("too short").to_string();
        assert!(
            error.contains("AUTH_SECRET") && error.contains("secret 2 of 2") && !error.contains("hunter2"),
            "{error}"
        );
        assert!(!format!("{:?}", SecretString::from("hunter2")).contains("hunter2"));
    }
}
