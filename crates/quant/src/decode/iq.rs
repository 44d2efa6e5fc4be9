//! IQ formats: groups of values from a codebook, or four-bit codes with a lookup table.

use half::f16;

use crate::blocks::{
    BlockIQ1_M, BlockIQ1_S, BlockIQ2_S, BlockIQ2_XS, BlockIQ2_XXS, BlockIQ3_S, BlockIQ3_XXS, BlockIQ4_NL,
    BlockIQ4_XS,
};
use crate::grids::{
    IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID, iq1_octet, iq2_octet,
    iq3_s_quartet, iq3_xxs_quartet, sign_set,
};

/// The values of the 16 codes of IQ4_NL and IQ4_XS.
pub const IQ4_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The shift that IQ1_S and IQ1_M add to or subtract from their ternary values.
pub const IQ1_DELTA: f32 = 0.125;

/// Writes `scale * magnitude`, negated where a bit of `signs` is set.
fn signed<const N: usize>(out: &mut [f32], scale: f32, magnitudes: [u8; N], signs: u8) {
    for (j, (value, magnitude)) in out.iter_mut().zip(magnitudes).enumerate() {
        let sign = if signs >> j & 1 == 1 { -1.0 } else { 1.0 };
        *value = scale * f32::from(magnitude) * sign;
    }
}

/// Nibble `i` of `bytes`, low nibble first.
fn nibble(bytes: &[u8], i: usize) -> u8 {
    bytes[i / 2] >> (4 * (i % 2)) & 15
}

/// Per 32 values: four octets, `d * (0.5 + scale) / 4`.
pub(super) fn iq2_xxs(block: &BlockIQ2_XXS, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (group, values) in out.chunks_exact_mut(32).enumerate() {
        let words = &block.qs[4 * group..4 * group + 4];
        let signs = u32::from(words[2]) | u32::from(words[3]) << 16;
        let scale = d * (0.5 + (signs >> 28) as f32) * 0.25;
        for (octet, values) in values.chunks_exact_mut(8).enumerate() {
            let index = words[octet / 2] >> (8 * (octet % 2)) & 255;
            let set = (signs >> (7 * octet) & 127) as u8;
            signed(values, scale, iq2_octet(IQ2_XXS_GRID[usize::from(index)]), sign_set(set));
        }
    }
}

/// Per 16 values: two octets, `d * (0.5 + scale) / 4`.
pub(super) fn iq2_xs(block: &BlockIQ2_XS, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (octet, values) in out.chunks_exact_mut(8).enumerate() {
        let q = block.qs[octet];
        let scale = d * (0.5 + f32::from(nibble(&block.scales, octet / 2))) * 0.25;
        signed(values, scale, iq2_octet(IQ2_XS_GRID[usize::from(q & 511)]), sign_set((q >> 9) as u8));
    }
}

/// Per 16 values: two octets, `d * (0.5 + scale) / 4`.
pub(super) fn iq2_s(block: &BlockIQ2_S, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (octet, values) in out.chunks_exact_mut(8).enumerate() {
        let high = block.qh[octet / 4] >> (2 * (octet % 4)) & 3;
        let index = usize::from(block.qs[octet]) | usize::from(high) << 8;
        let scale = d * (0.5 + f32::from(nibble(&block.scales, octet / 2))) * 0.25;
        signed(values, scale, iq2_octet(IQ2_S_GRID[index]), block.signs[octet]);
    }
}

/// Per 32 values: eight quartets, `d * (0.5 + scale) / 2`.
pub(super) fn iq3_xxs(block: &BlockIQ3_XXS, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (quartet, values) in out.chunks_exact_mut(4).enumerate() {
        let signs = u32::from_le_bytes(block.scales_signs[quartet / 8]);
        let scale = d * (0.5 + (signs >> 28) as f32) * 0.5;
        let set = sign_set((signs >> (7 * (quartet / 2 % 4)) & 127) as u8);
        let magnitudes = iq3_xxs_quartet(IQ3_XXS_GRID[usize::from(block.qs[quartet])]);
        signed(values, scale, magnitudes, set >> (4 * (quartet % 2)));
    }
}

/// Per 32 values: eight quartets, `d * (2 * scale + 1)`.
pub(super) fn iq3_s(block: &BlockIQ3_S, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (quartet, values) in out.chunks_exact_mut(4).enumerate() {
        let scale = d * f32::from(2 * nibble(&block.scales, quartet / 8) + 1);
        let high = block.qh[quartet / 8] >> (quartet % 8) & 1;
        let index = usize::from(block.qs[quartet]) | usize::from(high) << 8;
        let signs = block.signs[quartet / 2] >> (4 * (quartet % 2));
        signed(values, scale, iq3_s_quartet(IQ3_S_GRID[index]), signs);
    }
}

/// Writes `scale * (ternary + delta)`.
fn shifted(out: &mut [f32], scale: f32, index: usize, delta: f32) {
    for (value, q) in out.iter_mut().zip(iq1_octet(IQ1_GRID[index])) {
        *value = scale * (f32::from(q) + delta);
    }
}

/// Per 32 values: four octets, `d * (2 * scale + 1)`.
pub(super) fn iq1_s(block: &BlockIQ1_S, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (octet, values) in out.chunks_exact_mut(8).enumerate() {
        let qh = block.qh[octet / 4];
        let scale = d * f32::from(2 * (qh >> 12 & 7) + 1);
        let delta = if qh >> 15 == 1 { -IQ1_DELTA } else { IQ1_DELTA };
        let index = usize::from(block.qs[octet]) | usize::from(qh >> (3 * (octet % 4)) & 7) << 8;
        shifted(values, scale, index, delta);
    }
}

/// The scale of an IQ1_M block: its four nibbles are the upper ones of the four scale words.
#[must_use]
pub fn iq1_m_scale(scales: [u16; 4]) -> f16 {
    let [a, b, c, d] = scales.map(|word| word >> 12);
    f16::from_bits(a | b << 4 | c << 8 | d << 12)
}

/// Per 16 values: two octets, `d * (2 * scale + 1)`.
pub(super) fn iq1_m(block: &BlockIQ1_M, out: &mut [f32; 256]) {
    let scales = block.scales;
    let d = iq1_m_scale(scales).to_f32();
    for (octet, values) in out.chunks_exact_mut(8).enumerate() {
        let word = scales[octet / 8] >> (3 * (octet / 2 % 4)) & 7;
        let scale = d * f32::from(2 * word + 1);
        let high = nibble(&block.qh, octet);
        let delta = if high >> 3 == 1 { -IQ1_DELTA } else { IQ1_DELTA };
        let index = usize::from(block.qs[octet]) | usize::from(high & 7) << 8;
        shifted(values, scale, index, delta);
    }
}

/// Writes 32 values from 16 bytes, low nibbles first.
fn table_values(out: &mut [f32], scale: f32, qs: &[u8]) {
    let (low, high) = out.split_at_mut(16);
    for (j, &byte) in qs.iter().enumerate() {
        low[j] = scale * f32::from(IQ4_VALUES[usize::from(byte & 15)]);
        high[j] = scale * f32::from(IQ4_VALUES[usize::from(byte >> 4)]);
    }
}

/// `table[q] * d`.
pub(super) fn iq4_nl(block: &BlockIQ4_NL, out: &mut [f32; 32]) {
    table_values(out, block.d.to_f32(), &block.qs);
}

/// The signed scale (-32..32) of group `group` (0..8) of an IQ4_XS block.
#[must_use]
pub fn iq4_xs_scale(block: &BlockIQ4_XS, group: usize) -> i8 {
    let high = (block.scales_h >> (2 * group) & 3) as u8;
    (nibble(&block.scales_l, group) | high << 4) as i8 - 32
}

/// `table[q] * (d * (scale - 32))`.
pub(super) fn iq4_xs(block: &BlockIQ4_XS, out: &mut [f32; 256]) {
    let d = block.d.to_f32();
    for (group, values) in out.chunks_exact_mut(32).enumerate() {
        let scale = d * f32::from(iq4_xs_scale(block, group));
        table_values(values, scale, &block.qs[16 * group..16 * group + 16]);
    }
}
