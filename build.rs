//! The server embeds the pages from `test-ui/dist`. Without a build of the pages, this creates an empty folder and the
//! server has no pages.

fn main() -> std::io::Result<()> {
    println!("cargo:rerun-if-changed=test-ui/dist");
    println!("cargo:rerun-if-changed=migrations");
    std::fs::create_dir_all("test-ui/dist")
}
