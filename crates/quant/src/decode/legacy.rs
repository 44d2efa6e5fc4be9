//! Plain formats, and blocks of 32 with one scale.

use half::{bf16, f16};

use crate::blocks::{BlockQ1_0, BlockQ2_0, BlockQ4_0, BlockQ4_1, BlockQ5_0, BlockQ5_1, BlockQ8_0};

/// One little-endian `f32`.
pub(super) fn f32(bytes: &[u8; 4], out: &mut [f32; 1]) {
    out[0] = f32::from_le_bytes(*bytes);
}

/// One IEEE half.
pub(super) fn f16(bytes: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = f16::from_le_bytes(*bytes).to_f32();
}

/// One bfloat16.
pub(super) fn bf16(bytes: &[u8; 2], out: &mut [f32; 1]) {
    out[0] = bf16::from_le_bytes(*bytes).to_f32();
}

/// `(q - 8) * d`.
pub(super) fn q4_0(block: &BlockQ4_0, out: &mut [f32; 32]) {
    let d = block.d.to_f32();
    for (j, &byte) in block.qs.iter().enumerate() {
        out[j] = (f32::from(byte & 15) - 8.0) * d;
        out[j + 16] = (f32::from(byte >> 4) - 8.0) * d;
    }
}

/// `q * d + m`.
pub(super) fn q4_1(block: &BlockQ4_1, out: &mut [f32; 32]) {
    let (d, m) = (block.d.to_f32(), block.m.to_f32());
    for (j, &byte) in block.qs.iter().enumerate() {
        out[j] = f32::from(byte & 15) * d + m;
        out[j + 16] = f32::from(byte >> 4) * d + m;
    }
}

/// The 32 five-bit codes of a block, as floats.
fn five_bits(qh: [u8; 4], qs: &[u8; 16]) -> [f32; 32] {
    let high = u32::from_le_bytes(qh);
    std::array::from_fn(|j| {
        let low = if j < 16 { qs[j] & 15 } else { qs[j - 16] >> 4 };
        let fifth = (high >> j & 1) as u8;
        f32::from(low | fifth << 4)
    })
}

/// `(q - 16) * d`.
pub(super) fn q5_0(block: &BlockQ5_0, out: &mut [f32; 32]) {
    let d = block.d.to_f32();
    *out = five_bits(block.qh, &block.qs).map(|q| (q - 16.0) * d);
}

/// `q * d + m`.
pub(super) fn q5_1(block: &BlockQ5_1, out: &mut [f32; 32]) {
    let (d, m) = (block.d.to_f32(), block.m.to_f32());
    *out = five_bits(block.qh, &block.qs).map(|q| q * d + m);
}

/// `q * d`.
pub(super) fn q8_0(block: &BlockQ8_0, out: &mut [f32; 32]) {
    let d = block.d.to_f32();
    *out = block.qs.map(|q| f32::from(q) * d);
}

/// `d` if the bit is set, else `-d`.
pub(super) fn q1_0(block: &BlockQ1_0, out: &mut [f32; 128]) {
    let d = block.d.to_f32();
    for (j, value) in out.iter_mut().enumerate() {
        *value = if block.qs[j / 8] >> (j % 8) & 1 == 1 { d } else { -d };
    }
}

/// `(q - 1) * d`.
pub(super) fn q2_0(block: &BlockQ2_0, out: &mut [f32; 64]) {
    let d = block.d.to_f32();
    for (j, value) in out.iter_mut().enumerate() {
        let q = block.qs[j / 4] >> (2 * (j % 4)) & 3;
        *value = (f32::from(q) - 1.0) * d;
    }
}
