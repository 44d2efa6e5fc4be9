//! Blocks computed by hand from the format descriptions.

use half::f16;
use linnet_quant::{DType, LengthError, dequantize};

fn decode(dtype: DType, bytes: &[u8]) -> Vec<f32> {
    let values = bytes.len() / dtype.block_bytes() * dtype.block_values();
    let mut out = vec![f32::NAN; values];
    dequantize(dtype, bytes, &mut out).expect("whole blocks");
    out
}

fn bits(value: f32) -> [u8; 2] {
    f16::from_f32(value).to_le_bytes()
}

#[test]
fn q4_0_puts_low_nibbles_first() {
    let mut block = bits(0.5).to_vec();
    block.extend([0x80; 16]);
    block[2] = 0xF1;
    let values = decode(DType::Q4_0, &block);
    assert_eq!(values[0], (1.0 - 8.0) * 0.5);
    assert_eq!(values[16], (15.0 - 8.0) * 0.5);
    assert_eq!((values[1], values[17]), (-4.0, 0.0));
}

#[test]
fn q5_0_takes_its_fifth_bits_from_one_word() {
    let mut block = bits(1.0).to_vec();
    block.extend([0b0000_0010, 0, 0b0000_0001, 0]); // values 1 and 16
    block.extend([0x00; 16]);
    block[2 + 4 + 1] = 0x73;
    let values = decode(DType::Q5_0, &block);
    assert_eq!(values[0], -16.0);
    assert_eq!(values[1], 3.0);
    assert_eq!(values[16], 0.0);
    assert_eq!(values[17], 7.0 - 16.0);
}

#[test]
fn q8_0_reaches_both_ends() {
    let mut block = bits(-2.0).to_vec();
    block.extend([0; 32]);
    block[2] = 127;
    block[33] = 0x80;
    let values = decode(DType::Q8_0, &block);
    assert_eq!((values[0], values[31]), (-254.0, 256.0));
    // 0 * -2 is a negative zero.
    assert_eq!(values[1].to_bits(), (-0.0_f32).to_bits());
}

#[test]
fn q4_k_scales_of_the_upper_groups_join_two_bytes() {
    let mut block = [bits(1.0), bits(2.0)].concat();
    let mut scales = [0; 12];
    scales[0] = 0b10_000011; // scale 0 = 3; bits 4..6 of scale 4 = 2
    scales[4] = 0b01_000101; // minimum 0 = 5; bits 4..6 of minimum 4 = 1
    scales[8] = 0xE9; // bits 0..4: scale 4 = 9, minimum 4 = 14
    block.extend(scales);
    block.extend([0x21; 128]);
    let values = decode(DType::Q4_K, &block);
    assert_eq!(values[0], 3.0 * 1.0 - 2.0 * 5.0);
    // Group 4 is the low half of the third run.
    assert_eq!(values[4 * 32], (32.0 + 9.0) * 1.0 - 2.0 * (16.0 + 14.0));
    // Group 1 has neither scale nor minimum.
    assert_eq!(values[32], 0.0);
}

#[test]
fn q6_k_joins_four_and_two_bits_and_signs_its_scales() {
    let mut block = vec![0; 210];
    block[0] = 0xA5; // low bits of values 0 (5) and 64 (10)
    block[128] = 0b00_10_00_11; // high bits of values 0 (3), 32 (0), 64 (2), 96 (0)
    block[192] = 2;
    block[192 + 4] = 0xFF; // -1
    block[208..].copy_from_slice(&bits(0.25));
    let values = decode(DType::Q6_K, &block);
    assert_eq!(values[0], (48.0 + 5.0 - 32.0) * 2.0 * 0.25);
    assert_eq!(values[64], -(32.0 + 10.0 - 32.0) * 0.25);
}

#[test]
fn subnormal_and_extreme_half_scales_are_exact() {
    let smallest = f32::from_bits(0x3380_0000); // 2^-24
    for (scale, expected) in
        [(0x0001, smallest), (0x8001, -smallest), (0x03FF, 1023.0 * smallest), (0x7BFF, 65504.0)]
    {
        let mut block = u16::to_le_bytes(scale).to_vec();
        block.extend([0x99; 16]);
        assert_eq!(decode(DType::Q4_0, &block)[0].to_bits(), expected.to_bits(), "{scale:#06x}");
    }
}

#[test]
fn floats_keep_every_bit() {
    assert_eq!(decode(DType::F32, &[1, 0, 0, 0x80])[0].to_bits(), 0x8000_0001);
    assert_eq!(decode(DType::BF16, &[0x01, 0x80])[0].to_bits(), 0x8001_0000);
    assert_eq!(decode(DType::F16, &[0x00, 0x80])[0].to_bits(), (-0.0_f32).to_bits());
}

#[test]
fn mxfp4_scales_are_powers_of_two_down_to_subnormals() {
    let block = |e: u8| [vec![e], vec![0x72; 16]].concat(); // codes 2 (1.0) and 7 (6.0)
    for (e, one) in [
        (127, 1.0),
        (128, 2.0),
        (2, f32::from_bits(0x0100_0000)),
        (1, f32::MIN_POSITIVE),
        (0, 2.0_f32.powi(-127)),
    ] {
        let values = decode(DType::MXFP4, &block(e));
        assert_eq!((values[0], values[16]), (one, 6.0 * one), "e = {e}");
    }
}

#[test]
fn nvfp4_has_a_scale_for_each_sixteen() {
    let mut block = vec![0x38, 0x40, 0x01, 0x7F]; // 1, 2, 2^-9, NaN
    block.extend([0xA4; 32]); // codes 4 (2.0) and 10 (-1.0)
    let values = decode(DType::NVFP4, &block);
    assert_eq!([values[0], values[8], values[16], values[24]], [2.0, -1.0, 4.0, -2.0]);
    assert_eq!([values[32], values[48]], [2.0 / 512.0, 0.0]);
}

#[test]
fn tq1_0_holds_five_digits_in_a_byte() {
    // Digits 2 0 1 2 1 are 2*81 + 1*9 + 2*3 + 1 = 178; stored as ceil(178 * 256 / 243) = 188.
    let mut block = vec![0; 54];
    block[0] = 188;
    block[52..].copy_from_slice(&bits(3.0));
    let values = decode(DType::TQ1_0, &block);
    assert_eq!([0, 32, 64, 96, 128].map(|i| values[i]), [3.0, -3.0, 0.0, 3.0, 0.0]);
}

#[test]
fn lengths_must_agree() {
    let mut out = [7.0; 32];
    for (bytes, values) in [(17, 32), (19, 32), (36, 32), (18, 31), (0, 32), (18, 0)] {
        let error = dequantize(DType::Q4_0, &vec![0; bytes], &mut out[..values]);
        assert_eq!(error, Err(LengthError { dtype: DType::Q4_0, bytes, values }));
    }
    assert_eq!(out, [7.0; 32]);
    assert_eq!(dequantize(DType::Q4_0, &[], &mut []), Ok(()));
}
