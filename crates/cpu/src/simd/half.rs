//! Conversion to IEEE half precision by integer arithmetic without branches, so that loops over it are vectorized.

/// Encodes the nearest half; values out of range become the largest finite half of their sign.
#[inline(always)]
pub(crate) fn encode_f16(value: f32) -> u16 {
    const GREATEST: f32 = 65504.0;
    let clamped = value.clamp(-GREATEST, GREATEST);
    let bits = (clamped * f32::from_bits((127 - 112) << 23)).to_bits();
    let even = (bits >> 13) & 1;
    let magnitude = ((bits & 0x7fff_ffff) + 0x0fff + even) >> 13;
    (magnitude | (bits >> 16 & 0x8000)) as u16
}
