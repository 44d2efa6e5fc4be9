//! The ids of tool calls, as templates take them.

use serde::{Deserialize, Serialize};

/// The start of an id that contains the name.
pub(super) const ID_START: &str = "functions.";

/// The ids of calls that a template accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdStyle {
    /// Any text.
    Any,
    /// Exactly nine letters or digits (Mistral).
    NineAlphanumeric,
    /// `functions.NAME:INDEX` (Kimi). The template writes the id instead of the name.
    NameAndIndex,
}

impl IdStyle {
    /// Whether the template accepts this id of a call, except for the name in it.
    #[must_use]
    pub fn accepts(self, id: &str) -> bool {
        self != Self::NineAlphanumeric || id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric())
    }
}
