//! Bar charts that are readable on light and dark pages.

use std::fmt::Write;

use super::number::format_number;

const LABEL: f64 = 230.0;
const BARS: f64 = 380.0;
const VALUE: f64 = 90.0;
const ROW: f64 = 30.0;
const TOP: f64 = 44.0;

const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.own{fill:#0969da}\
.peer{fill:#8c959f}.ceiling{fill:none;stroke:#8c959f;stroke-dasharray:4 3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.own{fill:#4493f8}.peer{fill:#6e7681}.ceiling{stroke:#9198a1}}";

/// Draws one bar per row of label and value. The bar of SyncScript stands out, and ceilings are outlines.
pub fn bars(title: &str, rows: &[(&str, f64)]) -> String {
    let longest = rows.iter().map(|row| row.1).fold(f64::MIN_POSITIVE, f64::max);
    let (width, height) = (LABEL + BARS + VALUE, TOP + ROW * rows.len() as f64 + 6.0);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" aria-label="{title}"><style>{STYLE}</style><text class="title" x="0" y="22">{title}</text>"#
    );
    for (index, (label, value)) in rows.iter().enumerate() {
        let (y, length) = (TOP + ROW * index as f64, (BARS * value / longest).max(1.0));
        let class = match *label {
            "SyncScript" => "own",
            label if label.starts_with("ceiling") => "ceiling",
            _ => "peer",
        };
        let (middle, end) = (y + 14.0, LABEL + length + 8.0);
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            r#"<text x="{x}" y="{middle:.0}" text-anchor="end">{label}</text><rect class="{class}" x="{LABEL}" y="{y:.0}" width="{length:.1}" height="20" rx="2"/><text x="{end:.1}" y="{middle:.0}">{value}</text>"#,
            x = LABEL - 10.0,
            value = format_number(*value),
        );
    }
    svg + "</svg>\n"
}
