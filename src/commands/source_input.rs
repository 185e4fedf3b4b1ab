//! The data of a source, as clients send it over REST and sockets.
//!
//! A body accepts any text. Converting it into [`NewSource`] or [`SourceChange`] validates it, and reports the first
//! invalid field.

use schemars::JsonSchema;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::{FileUrl, SourceTitle};
use crate::error::Error;

/// A source to create.
#[derive(Debug)]
pub struct NewSource {
    /// The title.
    pub title: SourceTitle,
    /// The address of the file.
    pub file_url: FileUrl,
}

/// The changes to a source; `None` keeps a field's value.
#[derive(Debug)]
pub struct SourceChange {
    /// The new title.
    pub title: Option<SourceTitle>,
    /// The new address of the file.
    pub file_url: Option<FileUrl>,
}

/// The body that creates a source.
#[derive(Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewSource, example = json!({ "title": "A paper", "fileUrl": "https://example.com/paper.pdf" }))]
pub struct NewSourceBody {
    #[schema(inline, value_type = SourceTitle)]
    #[schemars(with = "SourceTitle")]
    title: String,
    #[schema(inline, value_type = FileUrl)]
    #[schemars(with = "FileUrl")]
    file_url: String,
}

impl TryFrom<NewSourceBody> for NewSource {
    type Error = Error;
    fn try_from(body: NewSourceBody) -> Result<Self, Error> {
        Ok(Self { title: SourceTitle::parse(body.title)?, file_url: FileUrl::parse(body.file_url)? })
    }
}

/// The body that changes a source.
#[derive(Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = SourceChange, example = json!({ "title": "A better title" }))]
pub struct SourceChangeBody {
    #[schema(inline, value_type = Option<SourceTitle>)]
    #[schemars(with = "Option<SourceTitle>")]
    title: Option<String>,
    #[schema(inline, value_type = Option<FileUrl>)]
    #[schemars(with = "Option<FileUrl>")]
    file_url: Option<String>,
}

impl TryFrom<SourceChangeBody> for SourceChange {
    type Error = Error;
    fn try_from(body: SourceChangeBody) -> Result<Self, Error> {
        if body.title.is_none() && body.file_url.is_none() {
            return Err(Error::BadRequest("Nothing to change: give title, fileUrl or both".to_owned()));
        }
        Ok(Self {
            title: body.title.map(SourceTitle::parse).transpose()?,
            file_url: body.file_url.map(FileUrl::parse).transpose()?,
        })
    }
}
