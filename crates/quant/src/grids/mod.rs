//! The codebooks of the IQ formats: the group of values for each grid index.

mod tables;

pub use tables::{IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID};

/// The 8 magnitudes of an entry of [`IQ2_XXS_GRID`], [`IQ2_XS_GRID`] or [`IQ2_S_GRID`]: 8, 25 or 43.
#[must_use]
pub fn iq2_octet(entry: u16) -> [u8; 8] {
    // No entry contains code 3.
    const LEVELS: [u8; 4] = [8, 25, 43, 0];
    std::array::from_fn(|j| LEVELS[usize::from(entry >> (2 * j) & 3)])
}

/// The 4 magnitudes of an entry of [`IQ3_XXS_GRID`]: 4, 12, ... 52, then 62.
#[must_use]
pub fn iq3_xxs_quartet(entry: u16) -> [u8; 4] {
    const LEVELS: [u8; 8] = [4, 12, 20, 28, 36, 44, 52, 62];
    std::array::from_fn(|j| LEVELS[usize::from(entry >> (3 * j) & 7)])
}

/// The 4 magnitudes of an entry of [`IQ3_S_GRID`]: odd numbers from 1 to 15.
#[must_use]
pub fn iq3_s_quartet(entry: u16) -> [u8; 4] {
    std::array::from_fn(|j| (2 * (entry >> (3 * j) & 7) + 1) as u8)
}

/// The 8 values of an entry of [`IQ1_GRID`]: -1, 0 or 1.
#[must_use]
pub fn iq1_octet(entry: u16) -> [i8; 8] {
    std::array::from_fn(|j| (entry >> (2 * j) & 3) as i8 - 1)
}

/// The signs of 8 values (bit j negates value j) from a 7-bit sign set: the eighth bit makes the number of
/// negations even.
#[must_use]
pub fn sign_set(bits: u8) -> u8 {
    let bits = bits & 127;
    bits | (bits.count_ones() as u8 & 1) << 7
}

#[cfg(test)]
mod tests {
    use super::{IQ1_GRID, IQ2_S_GRID, IQ2_XS_GRID, IQ2_XXS_GRID, IQ3_S_GRID, IQ3_XXS_GRID, sign_set};

    #[test]
    fn entries_use_valid_codes_and_no_entry_occurs_twice() {
        for grid in [&IQ2_XXS_GRID[..], &IQ2_XS_GRID, &IQ2_S_GRID, &IQ1_GRID] {
            assert!(grid.iter().all(|entry| entry & entry >> 1 & 0x5555 == 0), "code 3 in an octet");
        }
        for grid in [&IQ3_XXS_GRID[..], &IQ3_S_GRID] {
            assert!(grid.iter().all(|entry| entry >> 12 == 0), "more than four codes in a quartet");
        }
        for grid in [&IQ2_XXS_GRID[..], &IQ2_XS_GRID, &IQ2_S_GRID, &IQ1_GRID, &IQ3_XXS_GRID, &IQ3_S_GRID] {
            let mut sorted = grid.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), grid.len());
        }
    }

    #[test]
    fn sign_sets_negate_an_even_number_of_values() {
        assert!((0..128).all(|bits| sign_set(bits).count_ones().is_multiple_of(2)));
        assert_eq!([sign_set(0), sign_set(1), sign_set(3), sign_set(127)], [0, 129, 3, 255]);
    }
}
