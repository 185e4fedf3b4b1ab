//! What clients send to create or change a source, over REST and sockets alike.

use serde::Deserialize;

use super::{NewSource, SourceChange};
use crate::domain::{FileUrl, SourceTitle};
use crate::error::Error;

/// The body that creates a source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewSourceBody {
    title: String,
    file_url: String,
}

impl TryFrom<NewSourceBody> for NewSource {
    type Error = Error;
    fn try_from(body: NewSourceBody) -> Result<Self, Error> {
        Ok(Self { title: SourceTitle::parse(body.title)?, file_url: FileUrl::parse(body.file_url)? })
    }
}

/// The body that changes a source.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SourceChangeBody {
    title: Option<String>,
    file_url: Option<String>,
}

impl TryFrom<SourceChangeBody> for SourceChange {
    type Error = Error;
    fn try_from(body: SourceChangeBody) -> Result<Self, Error> {
        if body.title.is_none() && body.file_url.is_none() {
            return Err(Error::BadRequest("Give title, fileUrl or both: there is nothing to change".to_owned()));
        }
        Ok(Self {
            title: body.title.map(SourceTitle::parse).transpose()?,
            file_url: body.file_url.map(FileUrl::parse).transpose()?,
        })
    }
}
