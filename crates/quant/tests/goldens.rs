//! Compares every format bit for bit with gguf-py and ggml's C routines.
//!
//! The digests and the hand-made blocks in the other files are independent checks.

use std::path::PathBuf;

use linnet_quant::{DType, dequantize};
use safetensors::SafeTensors;

/// Blocks of one format and their decoded values.
struct Golden {
    bytes: Vec<u8>,
    values: Vec<f32>,
}

/// This crate's reference files, which are in the repository; `LINNET_REFERENCE` overrides the folder.
fn reference() -> PathBuf {
    let fixtures = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    std::env::var_os("LINNET_REFERENCE").map_or_else(fixtures, PathBuf::from).join("dequant")
}

fn load(path: PathBuf) -> Golden {
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let tensors = SafeTensors::deserialize(&file).expect("a safetensors file");
    let bytes = tensors.tensor("bytes").expect("bytes").data().to_vec();
    let (values, rest) = tensors.tensor("values").expect("values").data().as_chunks::<4>();
    assert!(rest.is_empty());
    Golden { bytes, values: values.iter().map(|value| f32::from_le_bytes(*value)).collect() }
}

/// The first value that differs in any bit, as (index, decoded, expected).
fn difference(dtype: DType, bytes: &[u8], expected: &[f32]) -> Option<(usize, f32, f32)> {
    let mut decoded = vec![f32::NAN; expected.len()];
    dequantize(dtype, bytes, &mut decoded).expect("whole blocks");
    let pairs = decoded.into_iter().zip(expected.iter().copied()).enumerate();
    pairs.map(|(i, (got, want))| (i, got, want)).find(|(_, got, want)| got.to_bits() != want.to_bits())
}

#[test]
fn every_format_decodes_to_the_same_bits() {
    let folder = reference();
    for dtype in DType::ALL {
        // f32 has no golden because it needs no decoding.
        if dtype == DType::F32 {
            continue;
        }
        let golden = load(folder.join(format!("{dtype}.safetensors")));
        assert!(golden.values.len() >= 2048, "{dtype}: {} values", golden.values.len());
        assert_eq!(difference(dtype, &golden.bytes, &golden.values), None, "{dtype}");
    }
}

#[test]
fn a_flipped_bit_of_any_byte_of_a_block_is_noticed() {
    let folder = reference();
    for dtype in DType::ALL {
        if dtype == DType::F32 {
            continue;
        }
        let golden = load(folder.join(format!("{dtype}.safetensors")));
        // The last block has ordinary scales, so each byte matters. The lowest bit of a byte may not (three
        // base-256 codes share a ternary digit sequence), so all its bits are flipped at once.
        let at = golden.bytes.len() - dtype.block_bytes();
        let expected = &golden.values[golden.values.len() - dtype.block_values()..];
        for byte in 0..dtype.block_bytes() {
            let mut block = golden.bytes[at..].to_vec();
            block[byte] ^= 0xFF;
            assert!(difference(dtype, &block, expected).is_some(), "{dtype}: byte {byte} does not matter");
        }
    }
}

#[test]
fn a_negative_zero_differs_from_zero() {
    let folder = reference();
    let Golden { bytes, mut values } = load(folder.join("Q4_0.safetensors"));
    let zero = values.iter().position(|value| value.to_bits() == 0).expect("a zero among the goldens");
    values[zero] = -0.0;
    assert_eq!(difference(DType::Q4_0, &bytes, &values).map(|(i, ..)| i), Some(zero));
}
