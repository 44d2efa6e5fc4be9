//! Filters, tests and functions.

pub(super) mod additions;
pub(super) mod builtins;
pub(super) mod html;
pub(super) mod iterators;
pub(super) mod json;
pub(super) mod wrap;
