//! Decodes pseudo-random blocks of every format and compares digests of the bits: this works without the
//! reference files.
//!
//! gguf-py 0.19 made the digests from the same bytes, so they are independent of this crate. It cannot decode
//! Q1_0 and Q2_0; those come from numpy after the layout, checked against ggml's C routine.

use linnet_quant::{DType, dequantize};

/// Values decoded per format.
const VALUES: usize = 16384;

/// Per format: the offsets of the upper bytes of a block's f16 scales, whose bit 6 is cleared so that no
/// scale is infinite or NaN; and the FNV-1a digest of the values' bytes.
const DIGESTS: [(DType, &[usize], u64); 28] = [
    (DType::F32, &[3], 0x95669a8d90b6708b),
    (DType::F16, &[1], 0xf586d59eda18a614),
    (DType::Q4_0, &[1], 0xc6dde1705f8b114a),
    (DType::Q4_1, &[1, 3], 0xb85fe0e22d59760b),
    (DType::Q5_0, &[1], 0x1e03b4f484c0df52),
    (DType::Q5_1, &[1, 3], 0x45bb685b0a812f22),
    (DType::Q8_0, &[1], 0xc647e239925a5b12),
    (DType::Q2_K, &[81, 83], 0x45368d46dbbaf9bc),
    (DType::Q3_K, &[109], 0x88326da9fe253354),
    (DType::Q4_K, &[1, 3], 0x6f1844c51520f935),
    (DType::Q5_K, &[1, 3], 0x306d76b4e715fac3),
    (DType::Q6_K, &[209], 0x437af967d04f23e8),
    (DType::IQ2_XXS, &[1], 0xb19fe3a6ec9d6ddb),
    (DType::IQ2_XS, &[1], 0xc5d1051c1a9d46b7),
    (DType::IQ3_XXS, &[1], 0x7494ec53ca23d36e),
    (DType::IQ1_S, &[1], 0x7b523826c5d4cb7a),
    (DType::IQ4_NL, &[1], 0x1f0a7091aede4252),
    (DType::IQ3_S, &[1], 0x2aa1f46dadd30fb2),
    (DType::IQ2_S, &[1], 0x51427f2e05e8316f),
    (DType::IQ4_XS, &[1], 0xb936b4e25fdb1876),
    (DType::IQ1_M, &[55], 0xe442e8452b97aa5f),
    (DType::BF16, &[1], 0x5b7d4e8242e3db91),
    (DType::TQ1_0, &[53], 0x0024242da0c04557),
    (DType::TQ2_0, &[65], 0x09924cfa39455082),
    (DType::MXFP4, &[], 0x3a117ab751c1926c),
    (DType::NVFP4, &[], 0x026d0effaaa1750b),
    (DType::Q1_0, &[1], 0x8e188a7e1f392aa5),
    (DType::Q2_0, &[1], 0xde6d7d3e1084dd2b),
];

/// The upper bytes of Knuth's 64-bit linear congruential sequence from `seed`.
fn random_bytes(seed: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed);
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(length)
    .collect()
}

fn blocks(dtype: DType, scales: &[usize]) -> Vec<u8> {
    let length = dtype.row_bytes(VALUES).expect("whole blocks");
    let mut bytes = random_bytes(dtype.ggml_id(), length);
    for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
        for &scale in scales {
            block[scale] &= 0xBF;
        }
    }
    bytes
}

fn digest(dtype: DType, bytes: &[u8]) -> u64 {
    let mut values = vec![f32::NAN; VALUES];
    dequantize(dtype, bytes, &mut values).expect("whole blocks");
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

#[test]
fn every_format_matches_its_digest() {
    for (dtype, scales, expected) in DIGESTS {
        let got = digest(dtype, &blocks(dtype, scales));
        assert_eq!(got, expected, "{dtype}: {got:#018x}");
    }
    assert_eq!(DIGESTS.map(|(dtype, ..)| dtype), DType::ALL, "a format is missing or listed twice");
}

#[test]
fn a_changed_byte_changes_the_digest() {
    for (dtype, scales, expected) in DIGESTS {
        let mut bytes = blocks(dtype, scales);
        bytes[0] ^= 0x11;
        assert_ne!(digest(dtype, &bytes), expected, "{dtype}");
    }
}

#[test]
fn bytes_need_no_alignment() {
    for (dtype, scales, expected) in DIGESTS {
        let mut shifted = vec![0];
        shifted.extend(blocks(dtype, scales));
        assert_eq!(digest(dtype, &shifted[1..]), expected, "{dtype}");
    }
}
