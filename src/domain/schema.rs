//! The input rules as JSON Schema, for the OpenAPI and AsyncAPI documents.

/// Implements the schema traits for a text of this length, with these additional keywords. A given pattern replaces the
/// default one, which excludes NUL.
macro_rules! text_schema {
    ($name:ident, $rule:literal, $min:literal..=$max:literal, $schema:tt) => {
        impl $name {
            fn json_schema_value() -> serde_json::Value {
                let mut schema = serde_json::json!({
                    "type": "string", "description": $rule, "minLength": $min, "maxLength": $max,
                    "pattern": r"^[^\u0000]*$",
                });
                if let (Some(all), serde_json::Value::Object(more)) = (schema.as_object_mut(), serde_json::json!($schema)) {
                    all.extend(more);
                }
                schema
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::Schema::try_from(Self::json_schema_value()).unwrap_or_default()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                serde_json::from_value(Self::json_schema_value()).unwrap_or_default()
            }
        }
    };
}

pub(super) use text_schema;
