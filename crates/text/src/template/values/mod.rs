//! The values of templates: what they print, and what it costs.

pub(super) mod absent;
pub(super) mod arguments;
pub(super) mod escape;
pub(super) mod items;
pub(super) mod spelling;
pub(super) mod uncharged_list;
pub(super) mod work;
