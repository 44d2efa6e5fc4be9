//! The text crate against reference fixtures and against hostile input.

mod hostile;
mod jinja;
mod small;
mod support;
mod templates;
mod tokenizers;
