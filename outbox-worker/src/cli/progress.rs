//! The progress bar.

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a progress bar that shows on a terminal and nowhere else.
#[must_use]
pub fn progress_bar(total: u64, unit: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!(
        "{{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} to go"
    ));
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
