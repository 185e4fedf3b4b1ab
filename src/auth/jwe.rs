//! Decrypts the tokens of Auth.js: compact JWE (RFC 7516), with a key that both sides derive from the shared secret.
//!
//! Before the tag is verified (in constant time), only the header's `enc` and `kid` are used, to choose among this
//! server's own keys. A token that Auth.js would not write is rejected: `alg` must be `dir`, and `enc` one of the two
//! encryptions that Auth.js uses. This module uses neither the clock nor the database.

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

/// The keys derived from one secret for one cookie: one per content encryption, identified by the thumbprint in `kid`.
#[derive(Clone)]
pub struct Keys {
    /// A256CBC-HS512: the first half signs, the second encrypts. `None` if the version of Auth.js does not use it.
    cbc: Option<([u8; 64], String)>,
    gcm: ([u8; 32], String),
}

/// The claims that identify the user and the validity period. Others are ignored.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// The user's id at the issuer.
    pub sub: Option<String>,
    /// The user's email address.
    pub email: Option<String>,
    /// False if the issuer did not verify that the address is the user's own.
    pub email_verified: Option<bool>,
    /// When the token expires, in seconds since 1970. Required: a token without expiry could not be revoked.
    pub exp: f64,
    /// When the token becomes valid.
    pub nbf: Option<f64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    kid: Option<String>,
    /// Extensions that the recipient must understand. None is supported.
    crit: Option<serde_json::Value>,
    /// Compression. Not supported: Auth.js does not use it, and the length would reveal something about the content.
    zip: Option<serde_json::Value>,
}

/// Returns whether a cookie's value looks like a compact JWE. The tokens of this server have no dots.
#[must_use]
pub fn is_compact(token: &str) -> bool {
    token.split('.').count() == 5
}

impl Keys {
    /// Derives the keys of Auth.js version 5, which uses the cookie's name as the salt.
    #[must_use]
    pub fn auth_js(secret: &str, cookie: &str) -> Self {
        let info = format!("Auth.js Generated Encryption Key ({cookie})");
        Self {
            cbc: Some(derive::<64, Sha512>(secret, cookie, &info)),
            gcm: derive::<32, Sha256>(secret, cookie, &info),
        }
    }

    /// Derives the key of NextAuth.js version 4, which uses no salt and only AES-GCM.
    #[must_use]
    pub fn next_auth_4(secret: &str) -> Self {
        Self { cbc: None, gcm: derive::<32, Sha256>(secret, "", "NextAuth.js Generated Encryption Key") }
    }

    /// Decrypts a token. Returns `None` unless one of these keys encrypted it.
    #[must_use]
    pub fn decrypt(&self, token: &str) -> Option<Claims> {
        let mut parts = token.split('.');
        let [protected, encrypted_key, iv, ciphertext, tag] = [(); 5].map(|()| parts.next().unwrap_or_default());
        let header: Header = serde_json::from_slice(&decode(protected)?).ok()?;
        let plain = header.alg == "dir" && encrypted_key.is_empty() && header.crit.is_none() && header.zip.is_none();
        if !plain || parts.next().is_some() {
            return None;
        }
        // Decoding rejects non-canonical base64: each token has exactly one text form, so revoking one hash is enough.
        let content =
            EncryptedContent { aad: protected, iv: decode(iv)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
        let selects = |thumbprint: &str| header.kid.as_deref().is_none_or(|kid| kid == thumbprint);
        let plaintext = match (header.enc.as_str(), &self.cbc, &self.gcm) {
            ("A256CBC-HS512", Some((key, thumbprint)), _) if selects(thumbprint) => content.decrypt_cbc(key),
            ("A256GCM", _, (key, thumbprint)) if selects(thumbprint) => content.decrypt_gcm(key),
            _ => None,
        }?;
        serde_json::from_slice(&plaintext).ok()
    }
}

struct EncryptedContent<'a> {
    /// The header as sent. The tag covers it.
    aad: &'a str,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl EncryptedContent<'_> {
    /// RFC 7518, section 5.2.2. Verifies the tag before the padding, so that there is no padding oracle.
    fn decrypt_cbc(mut self, key: &[u8; 64]) -> Option<Vec<u8>> {
        const TAG: usize = 32;
        let (mac_key, encryption_key) = key.split_at(32);
        let mut mac = <Hmac<Sha512> as KeyInit>::new_from_slice(mac_key).ok()?;
        mac.update(self.aad.as_bytes());
        mac.update(&self.iv);
        mac.update(&self.ciphertext);
        mac.update(&(self.aad.len() as u64 * 8).to_be_bytes());
        // verify_truncated_left accepts a shorter tag, so its length is checked here.
        if self.tag.len() != TAG || mac.verify_truncated_left(&self.tag).is_err() {
            return None;
        }
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(encryption_key, &self.iv).ok()?;
        decryptor.decrypt_padded::<Pkcs7>(&mut self.ciphertext).ok().map(<[u8]>::to_vec)
    }

    fn decrypt_gcm(mut self, key: &[u8; 32]) -> Option<Vec<u8>> {
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
    // Fails only for keys of more than 8160 bytes.
    let expanded = Hkdf::<Sha256>::new(Some(salt.as_bytes()), secret.as_bytes()).expand(info.as_bytes(), &mut key);
    debug_assert!(expanded.is_ok());
    let jwk = format!(r#"{{"k":"{}","kty":"oct"}}"#, BASE64_URL_SAFE_NO_PAD.encode(key));
    (key, BASE64_URL_SAFE_NO_PAD.encode(H::digest(jwk)))
}

fn decode(part: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(part).ok()
}
