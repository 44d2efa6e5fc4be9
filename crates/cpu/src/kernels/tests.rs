//! Products of bytes equal products of 16-bit integers to the last bit. (The instructions of wasm are compared with the
//! oracle, in `tests/oracle.rs`.)

use bytemuck::Zeroable;
use linnet_quant::{DType, dequantize};

use crate::activations::{Form, Input, QBlock, Quantize};
use crate::layout::{GROUP, RUN};
use crate::packed::{PanelRun, matrix};
use crate::pool::Pool;
use crate::simd::{Isa, PORTABLE};

const COLS: usize = 512;
const GROUPS: usize = 2;

/// All formats of blocks, and whether their codes fit 7 bits.
const FORMATS: [(DType, bool); 23] = [
    (DType::Q4_0, true),
    (DType::Q4_1, true),
    (DType::Q5_0, true),
    (DType::Q5_1, true),
    (DType::Q8_0, false),
    (DType::Q2_K, true),
    (DType::Q3_K, true),
    (DType::Q4_K, true),
    (DType::Q5_K, true),
    (DType::Q6_K, true),
    (DType::IQ1_S, true),
    (DType::IQ1_M, true),
    (DType::IQ2_XXS, true),
    (DType::IQ2_XS, true),
    (DType::IQ2_S, true),
    (DType::IQ3_XXS, true),
    (DType::IQ3_S, true),
    (DType::IQ4_NL, false),
    (DType::IQ4_XS, false),
    (DType::MXFP4, true),
    (DType::NVFP4, true),
    (DType::TQ1_0, true),
    (DType::TQ2_0, true),
];

/// Numbers from a counter (xorshift).
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// A row of random blocks whose values are small enough for sums.
    fn row(&mut self, dtype: DType) -> Vec<u8> {
        let mut row = Vec::new();
        let mut values = vec![0.0; dtype.block_values()];
        for _ in 0..COLS / dtype.block_values() {
            loop {
                let block: Vec<u8> = (0..dtype.block_bytes()).map(|_| self.next() as u8).collect();
                dequantize(dtype, &block, &mut values).unwrap();
                if values.iter().all(|value| value.abs() < 1e20) {
                    row.extend(block);
                    break;
                }
            }
        }
        row
    }

    /// Rows of activations with a run of zeros; each run has a magnitude of its own.
    fn activations(&mut self, rows: usize) -> Vec<f32> {
        let mut values: Vec<f32> = Vec::new();
        for run in 0..rows * COLS / RUN {
            let scale = if run == 5 { 0.0 } else { f32::from_bits((110 + self.next() % 30) << 23) };
            values.extend((0..RUN).map(|_| (self.next() as i32) as f32 / 2e9 * scale));
        }
        values
    }
}

/// The products of the weights `bytes` with `rows` rows of activations, by bytes or by pairs, as bits.
fn products(dtype: DType, bytes: &[u8], values: &[f32], rows: usize, by_bytes: bool) -> (Form, Vec<u32>) {
    PORTABLE.set(by_bytes);
    let mut matrix = matrix("w", dtype, GROUPS * GROUP, COLS).unwrap();
    let row_bytes = bytes.len() / (GROUPS * GROUP);
    matrix.push(&mut Pool::new(1), bytes, row_bytes);
    let mut runs = vec![QBlock::zeroed(); rows * COLS / RUN];
    let form = matrix.form();
    Isa::Portable.run(Quantize { values, runs: &mut runs, quads: form == Form::Quads });
    let (pairs, quads) = if form == Form::Quads { (&[][..], &runs[..]) } else { (&runs[..], &[][..]) };
    let mut panel = vec![PanelRun::zeroed(); COLS / RUN];
    let mut out = vec![0.0; GROUPS * GROUP * rows];
    matrix.products(Isa::Portable, 0..GROUPS, Input { rows, values, pairs, quads }, &mut panel, &mut out);
    PORTABLE.set(false);
    assert!(out.iter().all(|value| value.is_finite()), "{dtype:?}");
    (form, out.into_iter().map(f32::to_bits).collect())
}

#[test]
fn products_of_bytes_are_those_of_16_bits() {
    let mut numbers = Numbers(0x1357_9bdf);
    for (dtype, seven_bits) in FORMATS {
        let bytes: Vec<u8> = (0..GROUPS * GROUP).flat_map(|_| numbers.row(dtype)).collect();
        // One row, a tile and a remainder, a remainder.
        for rows in [1, 4 + 3, 2] {
            let values = numbers.activations(rows);
            let (form, sixteen) = products(dtype, &bytes, &values, rows, false);
            assert_eq!(form, Form::Pairs);
            let (form, by_bytes) = products(dtype, &bytes, &values, rows, true);
            assert_eq!(form, if seven_bits { Form::Quads } else { Form::Pairs }, "{dtype:?}");
            assert_eq!(by_bytes, sixteen, "{dtype:?}, {rows} rows");
            assert!(sixteen.iter().any(|&bits| bits << 1 != 0), "{dtype:?}: all products are zero");
        }
    }
}

#[test]
fn every_integer_is_two_bytes() {
    // The extremes, values near them, and values near a carry.
    let at = [-32639, -32638, -32512, -32511, -129, -128, -127, -1, 0, 1, 127, 128, 129, 32511, 32512, 32639];
    let values: Vec<f32> = [at, at].concat().into_iter().map(|q: i16| f32::from(q)).collect();
    let [mut pairs, mut quads] = [[QBlock::zeroed()]; 2];
    Isa::Portable.run(Quantize { values: &values, runs: &mut pairs, quads: false });
    Isa::Portable.run(Quantize { values: &values, runs: &mut quads, quads: true });
    let q: &[i16] = bytemuck::cast_slice(&pairs[0].q);
    assert!(q.iter().map(|&q| f32::from(q)).eq(values.iter().copied()));
    let [upper, lower]: [[i8; 32]; 2] = bytemuck::cast(quads[0].q);
    let mut joined: Vec<i16> =
        upper.iter().zip(lower).map(|(&upper, lower)| 256 * i16::from(upper) + i16::from(lower)).collect();
    let mut wanted = q.to_vec();
    joined.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(joined, wanted);
}
