//! The version and commit of the build, for `--version`, `/healthz` and the metrics. Both programs share them.

/// The version of both programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that both programs were built from; `unknown` if the build had no checkout.
pub const COMMIT: &str = env!("BUILD_COMMIT");

/// What `--version` prints after the program's name. `-V` prints only [`VERSION`].
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit  ",
    env!("BUILD_COMMIT"),
    "\nprofile ",
    env!("BUILD_PROFILE"),
    "\nrustc   ",
    env!("BUILD_RUSTC"),
    "\ntarget  ",
    env!("BUILD_TARGET"),
);
