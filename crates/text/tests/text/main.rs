//! The text crate against reference fixtures and against hostile input.

mod hostile;
mod jinja;
mod long_chats;
mod many;
mod oracle;
mod small;
mod support;
mod templates;
mod tokenizers;
