//! The oracles, one per operation: plain loops with f64 accumulation. They share nothing with any backend.

#[path = "../ops/add.rs"]
mod add;
#[path = "../ops/argmax.rs"]
mod argmax;
#[path = "../ops/attention.rs"]
mod attention;
#[path = "../ops/embed.rs"]
mod embed;
#[path = "../ops/matmul.rs"]
mod matmul;
#[path = "../ops/rms_norm.rs"]
mod rms_norm;
#[path = "../ops/rope.rs"]
mod rope;
#[path = "../ops/select_rows.rs"]
mod select_rows;
#[path = "../ops/store_kv.rs"]
mod store_kv;
#[path = "../ops/swiglu.rs"]
mod swiglu;

pub use add::add;
pub use argmax::argmax;
pub use attention::attention;
pub use embed::embed;
pub use matmul::matmul;
pub use rms_norm::rms_norm;
pub use rope::rope;
pub use select_rows::select_rows;
pub use store_kv::store_kv;
pub use swiglu::swiglu;
