//! Products of bytes.
#![cfg_attr(
    not(any(test, all(target_arch = "wasm32", target_feature = "simd128"))),
    allow(dead_code, reason = "no other instruction set multiplies bytes")
)]

use super::dot_kind::{DotKind, Words};
use crate::activations::QBlock;
use crate::packed::{Codes, Format, QuadSink};
use crate::simd::{ByteSimd, Simd, four_times};

/// As quads: the bytes of the codes with the upper and the lower bytes of the activations.
pub(super) struct Quads;

/// Where the quads of lower bytes start in the activations.
const LOWER: usize = 8;

/// Multiplies the quads of a part with activations and adds them up.
struct ByteDot<'a, S: Simd> {
    run: &'a QBlock,
    /// Start of the part.
    start: usize,
    upper: S::I32,
    lower: S::I32,
}

impl<S: ByteSimd> QuadSink<S> for ByteDot<'_, S> {
    #[inline(always)]
    fn quad(&mut self, s: S, index: usize, codes: S::I16) {
        let q = |half: usize| s.splat_pair(self.run.q[half + self.start + index]);
        self.upper = s.dot_bytes(codes, q(0), self.upper);
        self.lower = s.dot_bytes(codes, q(LOWER), self.lower);
    }
}

/// Stores the quads of a part.
struct StoreQuads<'a> {
    codes: &'a mut [[i16; 16]; 16],
    start: usize,
}

impl<S: Simd> QuadSink<S> for StoreQuads<'_> {
    #[inline(always)]
    fn quad(&mut self, s: S, index: usize, codes: S::I16) {
        s.store_i16(codes, &mut self.codes[self.start + index]);
    }
}

impl<S: ByteSimd> DotKind<S> for Quads {
    #[inline(always)]
    fn multiply<F: Format>(s: S, words: &Words<F>, part: usize, run: &QBlock) -> S::I32 {
        let start = part * (8 / F::Codes::PARTS);
        let lower = s.splat_i32(run.offset::<F>(part));
        let mut dot = ByteDot { run, start, upper: s.splat_i32(0), lower };
        F::Codes::unpack_quads(s, words, part, &mut dot);
        s.add_i32(s.shl_8_i32(dot.upper), dot.lower)
    }

    #[inline(always)]
    fn unpack<F: Format>(s: S, words: &Words<F>, part: usize, codes: &mut [[i16; 16]; 16]) {
        let start = part * (8 / F::Codes::PARTS);
        F::Codes::unpack_quads(s, words, part, &mut StoreQuads { codes, start });
    }

    #[inline(always)]
    fn tile<F: Format, const ROWS: usize>(
        s: S,
        codes: &[[i16; 16]; 16],
        part: usize,
        x: [&QBlock; 4],
    ) -> [S::I32; 4] {
        let mut sums = [s.splat_i32(0); 4];
        let quads = 8 / F::Codes::PARTS;
        // The upper bytes first, so that one sum per row is enough for both.
        for index in part * quads..(part + 1) * quads {
            let codes = s.load_i16(&codes[index]);
            four_times!(ROW => {
                if ROW < ROWS {
                    sums[ROW] = s.dot_bytes(codes, s.splat_pair(x[ROW].q[index]), sums[ROW]);
                }
            });
        }
        four_times!(ROW => {
            if ROW < ROWS {
                let offset = s.splat_i32(x[ROW].offset::<F>(part));
                sums[ROW] = s.add_i32(s.shl_8_i32(sums[ROW]), offset);
            }
        });
        for index in part * quads..(part + 1) * quads {
            let codes = s.load_i16(&codes[index]);
            four_times!(ROW => {
                if ROW < ROWS {
                    sums[ROW] = s.dot_bytes(codes, s.splat_pair(x[ROW].q[LOWER + index]), sums[ROW]);
                }
            });
        }
        sums
    }
}
