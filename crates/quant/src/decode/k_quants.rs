//! K-quants: blocks of 256 in groups, each with a quantized scale (and minimum).

use crate::blocks::{BlockQ2_K, BlockQ3_K, BlockQ4_K, BlockQ5_K, BlockQ6_K};

/// Bits `2k..2k+2` of value `i` in a block of 256 with two runs of 32 bytes, 128 values each.
pub(super) fn two_bits(qs: &[u8; 64], i: usize) -> u8 {
    let (run, plane, j) = (i / 128, i / 32 % 4, i % 32);
    qs[run * 32 + j] >> (2 * plane) & 3
}

/// `q * (d * scale) - dmin * min`.
pub(super) fn q2_k(block: &BlockQ2_K, out: &mut [f32; 256]) {
    let (d, dmin) = (block.d.to_f32(), block.dmin.to_f32());
    for (group, values) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(block.scales[group] & 15);
        let min = dmin * f32::from(block.scales[group] >> 4);
        for (j, value) in values.iter_mut().enumerate() {
            *value = scale * f32::from(two_bits(&block.qs, group * 16 + j)) - min;
        }
    }
}

/// The 16 signed scales (-32..32) of a Q3_K block.
#[must_use]
pub fn scales_k3(packed: &[u8; 12]) -> [i8; 16] {
    std::array::from_fn(|group| {
        let low = packed[group % 8] >> (4 * (group / 8)) & 15;
        let high = packed[8 + group % 4] >> (2 * (group / 4)) & 3;
        (low | high << 4) as i8 - 32
    })
}

/// `q * (d * scale)`.
pub(super) fn q3_k(block: &BlockQ3_K, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    let scales = scales_k3(&block.scales);
    for (i, value) in out.iter_mut().enumerate() {
        let high = block.hmask[i % 32] >> (i / 32) & 1;
        let q = two_bits(&block.qs, i) as i8 - if high == 1 { 0 } else { 4 };
        *value = d * f32::from(scales[i / 16]) * f32::from(q);
    }
}

/// The 6-bit scale and minimum of group `group` (0..8) of a Q4_K or Q5_K block.
///
/// Bytes 0..4 hold scales 0..4 and bytes 4..8 minima 0..4 in their lower six bits; their upper two bits and
/// the nibbles of bytes 8..12 hold scales and minima 4..8.
#[must_use]
pub fn scale_min_k4(packed: &[u8; 12], group: usize) -> (u8, u8) {
    let j = group % 4;
    if group < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 8] & 15 | packed[j] >> 6 << 4, packed[j + 8] >> 4 | packed[j + 4] >> 6 << 4)
    }
}

/// Bits 0..4 of value `j` in group `group`, where each run of 32 bytes has two groups.
fn nibble(qs: &[u8; 128], group: usize, j: usize) -> u8 {
    qs[group / 2 * 32 + j] >> (4 * (group % 2)) & 15
}

/// `q * (d * scale) - dmin * min`.
pub(super) fn q4_k(block: &BlockQ4_K, out: &mut [f32; 256]) {
    let (d, dmin) = (block.d.to_f32(), block.dmin.to_f32());
    for (group, values) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min_k4(&block.scales, group);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        for (j, value) in values.iter_mut().enumerate() {
            *value = scale * f32::from(nibble(&block.qs, group, j)) - min;
        }
    }
}

/// `q * (d * scale) - dmin * min`.
pub(super) fn q5_k(block: &BlockQ5_K, out: &mut [f32; 256]) {
    let (d, dmin) = (block.d.to_f32(), block.dmin.to_f32());
    for (group, values) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_min_k4(&block.scales, group);
        let (scale, min) = (d * f32::from(scale), dmin * f32::from(min));
        for (j, value) in values.iter_mut().enumerate() {
            let q = nibble(&block.qs, group, j) | (block.qh[j] >> group & 1) << 4;
            *value = scale * f32::from(q) - min;
        }
    }
}

/// `(q - 32) * (d * scale)`.
pub(super) fn q6_k(block: &BlockQ6_K, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (i, value) in out.iter_mut().enumerate() {
        let (run, j) = (i / 128, i % 128);
        let low = block.ql[run * 64 + j % 64] >> (4 * (j / 64)) & 15;
        let q = low | two_bits(&block.qh, i) << 4;
        *value = d * f32::from(block.scales[i / 16]) * (f32::from(q) - 32.0);
    }
}
