//! The oracles, one per operation: plain loops with f64 accumulation. They share nothing with any backend.

#[path = "../ops/elementwise/add.rs"]
mod add;
#[path = "../ops/attention/attention.rs"]
mod attention;
#[path = "../ops/recurrent/conv.rs"]
mod conv;
#[path = "../ops/recurrent/delta_net.rs"]
mod delta_net;
#[path = "../ops/rows/embed.rs"]
mod embed;
#[path = "../ops/experts/expert_matmul.rs"]
mod expert_matmul;
#[path = "../ops/elementwise/gated.rs"]
mod gated;
#[path = "../ops/matmul/matmul.rs"]
mod matmul;
#[path = "../ops/rows/rms_norm.rs"]
mod rms_norm;
#[path = "../ops/attention/rope.rs"]
mod rope;
#[path = "../ops/experts/router.rs"]
mod router;
#[path = "../ops/sample/sample.rs"]
mod sample;
#[path = "../ops/elementwise/scale.rs"]
mod scale;
#[path = "../ops/rows/select_rows.rs"]
mod select_rows;
#[path = "../ops/rows/slice.rs"]
mod slice;
#[path = "../ops/elementwise/soft_cap.rs"]
mod soft_cap;
#[path = "../ops/attention/store_kv.rs"]
mod store_kv;
#[path = "../ops/experts/weighted_sum.rs"]
mod weighted_sum;

pub use add::add;
pub use attention::{Special, attention};
pub use conv::conv;
pub use delta_net::delta_net;
pub use embed::embed;
pub use expert_matmul::expert_matmul;
pub use gated::{Activation, gated};
pub use matmul::matmul;
pub use rms_norm::rms_norm;
pub use rope::rope;
pub use router::{Gating, router};
pub use sample::argmax;
pub use scale::scale;
pub use select_rows::select_rows;
pub use slice::slice;
pub use soft_cap::soft_cap;
pub use store_kv::{store_kv, through_q8_0};
pub use weighted_sum::weighted_sum;
