//! Finds a model's format from its chat template.

use super::ChatFormat;
use crate::{ChatTemplate, LocalTime};

impl ChatFormat {
    /// Finds the format.
    #[must_use]
    pub fn detect(_template: &ChatTemplate, _source: &str, _now: LocalTime) -> Self {
        Self::generic()
    }
}
