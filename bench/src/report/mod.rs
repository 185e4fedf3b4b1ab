//! docs/performance.md and its charts, from the JSON files.

use std::path::Path;

use anyhow::Result;

pub fn write(_results: &Path, _docs: &Path) -> Result<()> {
    anyhow::bail!("not yet")
}
