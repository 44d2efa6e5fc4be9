//! Compares the text crate with reference fixtures, and tests it with malicious input.

mod guards;
mod hostile;
mod jinja;
mod long_chats;
mod many;
mod oracle;
mod small;
mod support;
mod templates;
mod tokenizers;
