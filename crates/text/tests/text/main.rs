//! The text crate against reference fixtures and against hostile input.

mod support;
mod templates;
mod tokenizers;
