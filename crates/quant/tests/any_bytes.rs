//! Any bytes decode in every format: malicious scales give infinities and NaN, never a panic.

use linnet_quant::{DType, dequantize};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

/// Every format.
fn dtypes() -> impl Iterator<Item = DType> {
    (0..64).filter_map(DType::from_ggml)
}

proptest! {
    #[test]
    fn any_blocks_decode(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for dtype in dtypes() {
            let blocks = bytes.len() / dtype.block_bytes();
            let whole = &bytes[..blocks * dtype.block_bytes()];
            let mut values = vec![f32::from_bits(0x7fc0_1234); blocks * dtype.block_values()];
            prop_assert!(dequantize(dtype, whole, &mut values).is_ok(), "{}", dtype.name());
            // A block decodes the same at any offset.
            if let Some(start) = whole.len().checked_sub(dtype.block_bytes()) {
                let (last, before) = (&whole[start..], blocks - 1);
                let mut alone = vec![0.0; dtype.block_values()];
                prop_assert!(dequantize(dtype, last, &mut alone).is_ok());
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&alone), bits(&values[before * dtype.block_values()..]), "{}", dtype.name());
            }
        }
    }

    #[test]
    fn mismatched_lengths_are_rejected(bytes in 0..600_usize, values in 0..600_usize) {
        for dtype in dtypes() {
            let fits = bytes.is_multiple_of(dtype.block_bytes())
                && values.is_multiple_of(dtype.block_values())
                && bytes / dtype.block_bytes() == values / dtype.block_values();
            let decoded = dequantize(dtype, &vec![0; bytes], &mut vec![0.0; values]);
            prop_assert_eq!(decoded.is_ok(), fits, "{}", dtype.name());
        }
    }
}
