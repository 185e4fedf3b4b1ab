//! Pages of long lists: the `limit` of a query, and the cursor of a page of sources.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use syncscript_types::SourceId;
use uuid::Uuid;

use crate::domain::Source;
use crate::error::Error;

/// Checks the `limit` of a query.
///
/// # Errors
/// BadRequest unless it is from 1 to `max`.
pub fn page_limit(requested: Option<i64>, default: i64, max: i64) -> Result<i64, Error> {
    match requested {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(_) => Err(Error::BadRequest(format!("limit must be from 1 to {max}"))),
    }
}

/// Builds the cursor that follows a source. It is opaque to clients. Times are whole milliseconds, so it is exact.
pub fn cursor_after(last: &Source) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}_{}", last.created_at.timestamp_millis(), last.id.get()))
}

/// Reads a cursor.
///
/// # Errors
/// BadRequest unless [`cursor_after`] made it.
pub fn parse_cursor(text: &str) -> Result<(DateTime<Utc>, SourceId), Error> {
    let parse = || {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let decoded = String::from_utf8(bytes).ok()?;
        let (millis, id) = decoded.split_once('_')?;
        // Postgres represents fewer instants than chrono; no source is older than the epoch.
        let at = DateTime::from_timestamp_millis(millis.parse().ok().filter(|millis: &i64| *millis >= 0)?)?;
        Some((at, id.parse::<Uuid>().ok()?.into()))
    };
    parse().ok_or_else(|| Error::BadRequest("cursor must be the nextCursor of an earlier page".to_owned()))
}
