//! The response header `X-Vault-Seq`: the position of a mutation's event in the vault's log.

use syncscript_types::Seq;

/// The header's name.
pub const VAULT_SEQ: &str = "X-Vault-Seq";

/// Builds the header.
pub fn vault_seq(seq: Seq) -> (&'static str, String) {
    (VAULT_SEQ, seq.to_string())
}
