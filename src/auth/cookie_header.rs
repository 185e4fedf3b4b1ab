//! Reads a `Cookie` header.

/// Returns the value of the first cookie with this name.
pub fn find_cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    cookies(header).find_map(|(found, value)| (found == name).then_some(value))
}

/// Returns the names and values of all cookies.
pub fn cookies(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split(';').filter_map(|cookie| cookie.trim().split_once('='))
}
