//! What was built: for `--version`, `/healthz` and the metrics. Both programs are built together and share it.

/// The version of both programs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that they were built from; `unknown` when they were not built from a checkout.
pub const COMMIT: &str = env!("BUILD_COMMIT");

/// What `--version` prints after the program's name; `-V` prints [`VERSION`] alone.
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
