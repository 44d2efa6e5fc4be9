//! The computations, each one generic function over the vectors of `simd`.

mod attention;
mod delta_net;
mod dot_kind;
mod float;
mod quads;
mod quantized;
mod rope;
mod rows;

pub(crate) use self::attention::{Absorb, AttendTile, AttentionScratch, Finish, TILE_TOKENS, first_tile};
pub(crate) use self::delta_net::DeltaHead;
pub(crate) use self::rope::{RopeTable, rotate};
pub(crate) use self::rows::{Add, Argmax, Gated, RmsNorm, Scale, SoftCap};

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
