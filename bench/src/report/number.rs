//! Numbers as the report shows them.

/// Formats a number with about three significant digits.
pub fn format_number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => group_thousands(&format!("{value:.0}")),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// Separates groups of three digits with narrow no-break spaces.
fn group_thousands(digits: &str) -> String {
    let first = digits.len() % 3;
    let groups = digits.as_bytes()[first..].chunks(3).map(String::from_utf8_lossy);
    let mut parts: Vec<String> = groups.map(|group| group.into_owned()).collect();
    if first > 0 {
        parts.insert(0, digits[..first].to_owned());
    }
    parts.join("\u{202f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_significant_digits() {
        let shown: Vec<String> = [1_234_567.8, 123.4, 99.96, 1.5, 0.0123].map(format_number).into();
        assert_eq!(shown, ["1\u{202f}234\u{202f}568", "123", "100.0", "1.50", "0.0123"]);
    }
}
