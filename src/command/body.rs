//! What clients send to create or change a source, over REST and sockets alike.

use schemars::JsonSchema;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{NewSource, SourceChange};
use crate::domain::{FileUrl, SourceTitle};
use crate::error::Error;

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
            return Err(Error::BadRequest("Give title, fileUrl or both: there is nothing to change".to_owned()));
        }
        Ok(Self {
            title: body.title.map(SourceTitle::parse).transpose()?,
            file_url: body.file_url.map(FileUrl::parse).transpose()?,
        })
    }
}
