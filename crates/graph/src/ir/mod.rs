//! The graph: operations, their parameters, recording, the memory plan, the text form.

pub(crate) mod builder;
mod elementwise;
pub(crate) mod kv_history;
pub(crate) mod mixture;
pub(crate) mod op;
pub(crate) mod params;
pub(crate) mod plan;
mod print;
mod recurrent;
