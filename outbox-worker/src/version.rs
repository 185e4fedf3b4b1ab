//! The version and commit of the build, for `--version`, `/healthz` and the metrics. Both programs share them.
//!
//! The commit id is compiled into the two `main.rs` only, by `option_env!("SYNCSCRIPT_COMMIT")`: a new commit then rebuilds
//! two small files instead of two libraries. `scripts/run`, `.ci/run`, the Dockerfile and the release workflow set the
//! variable.

use std::sync::{LazyLock, OnceLock};

/// The version of both programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

static COMMIT: OnceLock<&'static str> = OnceLock::new();

static LONG: LazyLock<String> = LazyLock::new(|| {
    let (profile, rustc, target) = (env!("BUILD_PROFILE"), env!("BUILD_RUSTC"), env!("BUILD_TARGET"));
    format!("{VERSION}\ncommit  {}\nprofile {profile}\nrustc   {rustc}\ntarget  {target}", commit())
});

/// Sets the commit that the program was built from. `main` calls this first; later calls have no effect.
pub fn set_commit(commit: Option<&'static str>) {
    if let Some(commit) = commit.filter(|commit| is_commit(commit)) {
        COMMIT.set(commit).ok();
    }
}

/// Returns the commit that the program was built from, or `unknown` if the build did not name a commit.
pub fn commit() -> &'static str {
    COMMIT.get().copied().unwrap_or("unknown")
}

/// Returns what `--version` prints after the program's name. `-V` prints [`VERSION`] alone.
pub fn long() -> &'static str {
    &LONG
}

fn is_commit(text: &str) -> bool {
    text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hexadecimal_commit_id_is_accepted() {
        assert!(is_commit("6c39799") && is_commit("6c39799d0f7d1d2f3a4b5c6d7e8f901234567890"));
        for other in ["", "unknown", "6c3979", "v1.0.0-dirty"] {
            assert!(!is_commit(other), "{other:?}");
        }
    }
}
