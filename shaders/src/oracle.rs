//! The oracles, one per operation: plain loops with f64 accumulation. They share nothing with any backend.

#[path = "../ops/add.rs"]
mod add;
#[path = "../ops/attention.rs"]
mod attention;
#[path = "../ops/conv.rs"]
mod conv;
#[path = "../ops/delta_net.rs"]
mod delta_net;
#[path = "../ops/embed.rs"]
mod embed;
#[path = "../ops/expert_matmul.rs"]
mod expert_matmul;
#[path = "../ops/gated.rs"]
mod gated;
#[path = "../ops/matmul.rs"]
mod matmul;
#[path = "../ops/rms_norm.rs"]
mod rms_norm;
#[path = "../ops/rope.rs"]
mod rope;
#[path = "../ops/router.rs"]
mod router;
#[path = "../ops/sample.rs"]
mod sample;
#[path = "../ops/scale.rs"]
mod scale;
#[path = "../ops/select_rows.rs"]
mod select_rows;
#[path = "../ops/slice.rs"]
mod slice;
#[path = "../ops/soft_cap.rs"]
mod soft_cap;
#[path = "../ops/store_kv.rs"]
mod store_kv;
#[path = "../ops/weighted_sum.rs"]
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
