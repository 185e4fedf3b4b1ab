//! Finds out of which commit the programs are built, without git: from a checkout, a worktree or a source archive.
//!
//! It runs again when HEAD moves and not otherwise. A path that is not there would make it run at every build, so only
//! those that are there are named.

use std::env;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=SYNCSCRIPT_COMMIT");
    // A build of a source archive or an image has no checkout; who makes it may know the commit.
    let commit = env::var("SYNCSCRIPT_COMMIT").ok().filter(|commit| is_commit(commit)).or_else(of_checkout);
    println!("cargo:rustc-env=BUILD_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
    for (name, variable) in [("BUILD_PROFILE", "PROFILE"), ("BUILD_TARGET", "TARGET")] {
        println!("cargo:rustc-env={name}={}", env::var(variable).unwrap_or_default());
    }
    println!("cargo:rustc-env=BUILD_RUSTC={}", rustc().as_deref().unwrap_or("rustc of an unknown version"));
}

/// The commit that is checked out. Only the workspace's own checkout counts, not one that it happens to lie in.
fn of_checkout() -> Option<String> {
    let git = git_directory(Path::new("../.git"))?;
    let head = watched(&git.join("HEAD"))?;
    // Grows with each commit and checkout, also where the branch is a line of packed-refs.
    watched(&git.join("logs/HEAD"));
    let Some(branch) = head.trim().strip_prefix("ref: ") else {
        return Some(head.trim().to_owned()).filter(|commit| is_commit(commit));
    };
    // A worktree has a HEAD of its own, and shares the branches.
    let shared = read_to_string(git.join("commondir")).map_or_else(|_| git.clone(), |path| git.join(path.trim()));
    let commit = watched(&shared.join(branch)).map(|commit| commit.trim().to_owned()).or_else(|| {
        let packed = watched(&shared.join("packed-refs"))?;
        packed.lines().find_map(|line| line.strip_suffix(branch)?.strip_suffix(' ').map(str::to_owned))
    });
    commit.filter(|commit| is_commit(commit))
}

/// `.git` is a directory, or in a worktree a file that names one.
fn git_directory(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.to_owned());
    }
    let text = read_to_string(path).ok()?;
    Some(path.parent()?.join(text.trim().strip_prefix("gitdir: ")?))
}

fn watched(path: &Path) -> Option<String> {
    let text = read_to_string(path).ok()?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text)
}

fn is_commit(text: &str) -> bool {
    text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn rustc() -> Option<String> {
    let output = std::process::Command::new(env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
