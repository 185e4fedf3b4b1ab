//! The database URL.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// Parses the database URL.
///
/// # Errors
/// One sentence that names the setting. It does not contain the URL, which holds a password.
pub fn database_options(url: Option<&str>) -> anyhow::Result<PgConnectOptions> {
    let url = url.ok_or_else(|| {
        anyhow::anyhow!("DATABASE_URL is not set: set it, or use --database-url postgres://user:password@host/database")
    })?;
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        anyhow::bail!("DATABASE_URL must begin with postgres:// or postgresql://");
    }
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| anyhow::anyhow!("DATABASE_URL is not of the form postgres://user:password@host:port/database"))?;
    Ok(options.application_name("syncscript"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_about_a_database_url_does_not_contain_it() {
        for bad in ["mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d"] {
            let error = database_options(Some(bad)).expect_err("rejected").to_string();
            assert!(error.contains("DATABASE_URL") && !error.contains("hunter2"), "{error}");
        }
    }
}
