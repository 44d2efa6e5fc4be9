//! The rotation table that `rope.wgsl` reads.

/// Positions in the first part of the table.
const LOW: usize = 256;

/// Cosine and sine of the angle `position * frequency / factor` for each pair of a head: a row of pairs for each
/// position below 256, then a row for each multiple of 256 in a context of `context` positions. A rotation by any
/// position is the product of two of them, which keeps the table small for any context.
pub(crate) fn rotations(
    frequencies: &[f32],
    factors: Option<&[f32]>,
    magnitude: f32,
    context: usize,
) -> Vec<f32> {
    let high = (0..context.div_ceil(LOW)).map(|row| row * LOW);
    let mut table = Vec::new();
    for (row, position) in (0..LOW).chain(high).enumerate() {
        // Only one of the two factors has the magnitude.
        let magnitude = if row < LOW { magnitude } else { 1.0 };
        for (i, frequency) in frequencies.iter().enumerate() {
            let factor = factors.and_then(|factors| factors.get(i)).map_or(1.0, |factor| f64::from(*factor));
            let (sin, cos) = (position as f64 * f64::from(*frequency) / factor).sin_cos();
            table.extend([cos as f32 * magnitude, sin as f32 * magnitude]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rows_multiply_to_any_position() {
        let (frequency, position) = (0.37_f32, 5_000 * LOW + 77);
        let table = rotations(&[frequency], Some(&[3.0]), 1.0, position + 1);
        let row = |i: usize| (f64::from(table[2 * i]), f64::from(table[2 * i + 1]));
        let ((a, b), (c, d)) = (row(77), row(LOW + 5_000));
        let angle = position as f64 * f64::from(frequency) / 3.0;
        assert!((a * c - b * d - angle.cos()).abs() < 2e-7, "cosine");
        assert!((a * d + b * c - angle.sin()).abs() < 2e-7, "sine");
        assert_eq!(table.len(), 2 * (LOW + 5_001));
    }
}
