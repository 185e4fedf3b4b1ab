//! Opens the encrypted tokens of Auth.js: compact JWE (RFC 7516) under a key that both sides derive from the secret.
//!
//! Nothing of a token is believed before its tag was checked, in constant time, but the header's `enc` and `kid`, which
//! choose among keys that we made ourselves. What is not exactly what Auth.js writes is refused: `alg` is `dir`, and
//! `enc` one of the two that it knows. Nothing here asks the clock or the database.

use aes::Aes256;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

/// The keys that one secret gives for one cookie: one a content encryption, known by the thumbprint in `kid`.
#[derive(Clone)]
pub struct Keys {
    /// A256CBC-HS512: the first half signs, the second encrypts. None where the version of Auth.js does not use it.
    cbc: Option<([u8; 64], String)>,
    gcm: ([u8; 32], String),
}

/// What of a token's content says whose session it is, and when. The rest is the business of whoever made it.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// The user's id, where the token was made.
    pub sub: Option<String>,
    /// The user's address.
    pub email: Option<String>,
    /// False where its issuer knows that the address is not the user's own.
    pub email_verified: Option<bool>,
    /// When it ends, in seconds since 1970. Auth.js always says; a token without end could not be revoked.
    pub exp: f64,
    /// Before when it must not be used.
    pub nbf: Option<f64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: Option<String>,
    /// Extensions that must be understood. We understand none.
    crit: Option<serde_json::Value>,
    /// Compression, which Auth.js does not use, and which tells of the content by its length.
    zip: Option<serde_json::Value>,
}

/// Whether a cookie's value looks like a compact JWE, as opposed to the token of a row. Ours have no dots.
#[must_use]
pub fn is_compact(token: &str) -> bool {
    token.split('.').count() == 5
}

impl Keys {
    /// Those of Auth.js, version 5: the cookie's name is the salt.
    #[must_use]
    pub fn auth_js(secret: &str, cookie: &str) -> Self {
        let info = format!("Auth.js Generated Encryption Key ({cookie})");
        Self {
            cbc: Some(derive::<64, Sha512>(secret, cookie, &info)),
            gcm: derive::<32, Sha256>(secret, cookie, &info),
        }
    }

    /// Those of NextAuth.js, version 4: without salt, and AES-GCM alone.
    #[must_use]
    pub fn next_auth_4(secret: &str) -> Self {
        Self { cbc: None, gcm: derive::<32, Sha256>(secret, "", "NextAuth.js Generated Encryption Key") }
    }

    /// What the token says, if one of these keys made it.
    #[must_use]
    pub fn open(&self, token: &str) -> Option<Claims> {
        let mut parts = token.split('.');
        let [protected, no_key, iv, ciphertext, tag] = [(); 5].map(|()| parts.next().unwrap_or_default());
        let header: Header = serde_json::from_slice(&decode(protected)?).ok()?;
        let plain = header.alg == "dir" && no_key.is_empty() && header.crit.is_none() && header.zip.is_none();
        if !plain || parts.next().is_some() {
            return None;
        }
        // Refuses what is not canonical: one token has one spelling, and so one hash to be revoked by.
        let sealed = Sealed { aad: protected, iv: decode(iv)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
        let meant = |thumbprint: &str| header.kid.as_deref().is_none_or(|kid| kid == thumbprint);
        let content = match (header.enc.as_str(), &self.cbc, &self.gcm) {
            ("A256CBC-HS512", Some((key, thumbprint)), _) if meant(thumbprint) => sealed.open_cbc(key),
            ("A256GCM", _, (key, thumbprint)) if meant(thumbprint) => sealed.open_gcm(key),
            _ => None,
        }?;
        serde_json::from_slice(&content).ok()
    }
}

struct Sealed<'a> {
    /// The header as it was sent: the tag covers it.
    aad: &'a str,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl Sealed<'_> {
    /// RFC 7518, section 5.2.2: the tag first, and only then the padding, so that there is no padding oracle.
    fn open_cbc(mut self, key: &[u8; 64]) -> Option<Vec<u8>> {
        const TAG: usize = 32;
        let (mac_key, encryption_key) = key.split_at(32);
        let mut mac = <Hmac<Sha512> as KeyInit>::new_from_slice(mac_key).ok()?;
        mac.update(self.aad.as_bytes());
        mac.update(&self.iv);
        mac.update(&self.ciphertext);
        mac.update(&(self.aad.len() as u64 * 8).to_be_bytes());
        // The tag may be shortened to what was sent: its length is ours to insist on.
        if self.tag.len() != TAG || mac.verify_truncated_left(&self.tag).is_err() {
            return None;
        }
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(encryption_key, &self.iv).ok()?;
        decryptor.decrypt_padded::<Pkcs7>(&mut self.ciphertext).ok().map(<[u8]>::to_vec)
    }

    fn open_gcm(mut self, key: &[u8; 32]) -> Option<Vec<u8>> {
        if self.tag.len() != 16 {
            return None;
        }
        let nonce = Nonce::try_from(self.iv.as_slice()).ok()?;
        self.ciphertext.extend_from_slice(&self.tag);
        let cipher = Aes256Gcm::new_from_slice(key).ok()?;
        cipher.decrypt(&nonce, Payload { msg: &self.ciphertext, aad: self.aad.as_bytes() }).ok()
    }
}

/// A key of N bytes, and its thumbprint as a JWK (RFC 7638).
fn derive<const N: usize, H: Digest>(secret: &str, salt: &str, info: &str) -> ([u8; N], String) {
    let mut key = [0; N];
    // Fails for keys of more than 8160 bytes alone.
    let expanded = Hkdf::<Sha256>::new(Some(salt.as_bytes()), secret.as_bytes()).expand(info.as_bytes(), &mut key);
    debug_assert!(expanded.is_ok());
    let jwk = format!(r#"{{"k":"{}","kty":"oct"}}"#, BASE64_URL_SAFE_NO_PAD.encode(key));
    (key, BASE64_URL_SAFE_NO_PAD.encode(H::digest(jwk)))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}
