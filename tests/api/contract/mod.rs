//! The documents describe exactly what the server does.

mod document;
mod routes;
mod typescript;
