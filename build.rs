//! The pages are embedded from `test-ui/dist`. Without a build of them there is an empty folder, and no page.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=test-ui/dist");
    println!("cargo:rerun-if-changed=migrations");
    std::fs::create_dir_all("test-ui/dist")
}
