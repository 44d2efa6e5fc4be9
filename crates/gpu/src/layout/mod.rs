//! The layout that host and shaders share: rows, the structs that the host writes, and the values of enums.

mod sampling_params;
mod step;
#[cfg(test)]
mod tests;

use linnet_graph::{Activation, KvFormat};
use linnet_shaders::{Cache, rows};

pub(crate) use self::sampling_params::SamplingParams;
pub(crate) use self::step::Step;

/// Bytes of an f32.
pub(crate) const F32: u64 = size_of::<f32>() as u64;

/// Elements of a row in memory, padded to a multiple of four.
pub(crate) fn stride(width: usize) -> usize {
    width.next_multiple_of(4)
}

/// A flag as the value of an override constant.
pub(crate) fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

/// Workgroups for the items of a row.
pub(crate) fn row_groups(items: usize) -> u32 {
    items.div_ceil(rows::THREADS as usize) as u32
}

/// The value of an activation in `gated.wgsl`.
pub(crate) fn activation(activation: Activation) -> f64 {
    match activation {
        Activation::Identity => 0.0,
        Activation::Silu => 1.0,
        Activation::Gelu => 2.0,
        Activation::Relu2 => 3.0,
        Activation::Sigmoid => 4.0,
        Activation::ClampedSwiGlu => 5.0,
    }
}

/// The kernels' name for a format of the KV cache.
pub(crate) fn cache(format: KvFormat) -> Cache {
    match format {
        KvFormat::F16 => Cache::F16,
        KvFormat::F32 => Cache::F32,
        KvFormat::Q8_0 => Cache::Q8_0,
    }
}

/// The position from which several workgroups share the attention of a head.
pub(crate) const LONG_CONTEXT: u32 = 512;
