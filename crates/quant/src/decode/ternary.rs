//! The ternary formats of BitNet-style models.

use super::k_quants::two_bits;
use crate::blocks::{BlockTQ1_0, BlockTQ2_0};

/// Digit `k` (0..5; 0 is the most significant) of a byte that packs five base-3 digits as `ceil(n * 256 /
/// 243)`.
///
/// Multiplying by 3^k modulo 256 moves the digit to the top; times 3, its value is the carry.
#[must_use]
pub fn tq1_digit(byte: u8, k: usize) -> u8 {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    ((u16::from(byte.wrapping_mul(POWERS[k])) * 3) >> 8) as u8
}

/// `(q - 1) * d`.
pub(super) fn tq1_0(block: &BlockTQ1_0, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (i, value) in out.iter_mut().enumerate() {
        let q = match i {
            0..160 => tq1_digit(block.qs[i % 32], i / 32),
            160..240 => tq1_digit(block.qs[32 + i % 16], (i - 160) / 16),
            _ => tq1_digit(block.qh[i % 4], (i - 240) / 4),
        };
        *value = d * (f32::from(q) - 1.0);
    }
}

/// `(q - 1) * d`.
pub(super) fn tq2_0(block: &BlockTQ2_0, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (i, value) in out.iter_mut().enumerate() {
        *value = d * (f32::from(two_bits(&block.qs, i)) - 1.0);
    }
}
