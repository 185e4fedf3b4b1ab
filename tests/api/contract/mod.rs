//! The documents say what the server does: no more, no less.

mod typescript;
