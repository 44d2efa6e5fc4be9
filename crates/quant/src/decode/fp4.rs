//! Four-bit floats: E2M1 values with a float scale.

use crate::blocks::{BlockMXFP4, BlockNVFP4};

/// Twice the value of each E2M1 code, so that all are integers; the scale functions return half the scale.
/// Code 8, the format's negative zero, is plus zero here, as in ggml's integer table.
pub const E2M1_DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Half the value of an E8M0 scale: `2^(e - 128)`. Codes 0 and 1 give subnormals; code 255, NaN in the OCP
/// specification, is 2^127 as in ggml.
#[must_use]
pub fn e8m0_half(e: u8) -> f32 {
    f32::from_bits(match e {
        0 => 0x0020_0000,
        1 => 0x0040_0000,
        _ => (u32::from(e) - 1) << 23,
    })
}

/// Half the value of an unsigned E4M3 scale (bias 7; bit 7 is ignored). The NaN code 127 gives 0, as in ggml.
#[must_use]
pub fn ue4m3_half(code: u8) -> f32 {
    let exponent = u32::from(code >> 3 & 15);
    let mantissa = u32::from(code & 7);
    if code == 0x7F {
        0.0
    } else if exponent == 0 {
        mantissa as f32 / 1024.0
    } else {
        // Changes the bias from 7 to 127, minus one for the half.
        f32::from_bits((exponent + 119) << 23 | mantissa << 20)
    }
}

/// `E2M1(q) * 2^(e - 127)`.
pub(super) fn mxfp4(block: &BlockMXFP4, out: &mut [f32; 32]) {
    let d = e8m0_half(block.e);
    for (j, &byte) in block.qs.iter().enumerate() {
        out[j] = d * f32::from(E2M1_DOUBLED[usize::from(byte & 15)]);
        out[j + 16] = d * f32::from(E2M1_DOUBLED[usize::from(byte >> 4)]);
    }
}

/// `E2M1(q) * scale` in groups of 16.
pub(super) fn nvfp4(block: &BlockNVFP4, out: &mut [f32; 64]) {
    for (group, values) in out.chunks_exact_mut(16).enumerate() {
        let d = ue4m3_half(block.d[group]);
        for j in 0..8 {
            let byte = block.qs[group * 8 + j];
            values[j] = d * f32::from(E2M1_DOUBLED[usize::from(byte & 15)]);
            values[j + 8] = d * f32::from(E2M1_DOUBLED[usize::from(byte >> 4)]);
        }
    }
}
