//! Names the profile, the target and the compiler for `--version`. The commit is not read here: see `src/version.rs`.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for (name, variable) in [("BUILD_PROFILE", "PROFILE"), ("BUILD_TARGET", "TARGET")] {
        println!("cargo:rustc-env={name}={}", env::var(variable).unwrap_or_default());
    }
    println!("cargo:rustc-env=BUILD_RUSTC={}", rustc().as_deref().unwrap_or("rustc of an unknown version"));
}

fn rustc() -> Option<String> {
    let output = Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
