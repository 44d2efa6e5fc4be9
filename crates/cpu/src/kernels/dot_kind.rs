//! Two kinds of dot products of codes and activations: pairs of 16-bit integers, which are here, and quads of bytes
//! (`quads`), if the processor multiplies four bytes at once. The results are the same integers.

use crate::activations::QBlock;
use crate::packed::{Codes, Format, Sink};
use crate::simd::{Simd, four_times};

/// The words of a run of a format.
pub(super) type Words<F> = <<F as Format>::Codes as Codes>::Words;

/// A kind of dot product of codes and activations.
pub(super) trait DotKind<S: Simd> {
    /// The dot product of a part's codes, less the format's offset, and activations.
    fn multiply<F: Format>(s: S, words: &Words<F>, part: usize, run: &QBlock) -> S::I32;
    /// Unpacks the codes of a part into a panel.
    fn unpack<F: Format>(s: S, words: &Words<F>, part: usize, codes: &mut [[i16; 16]; 16]);
    /// [`Self::multiply`] with the first `ROWS` of four rows of activations, from a panel.
    fn tile<F: Format, const ROWS: usize>(
        s: S,
        codes: &[[i16; 16]; 16],
        part: usize,
        x: [&QBlock; 4],
    ) -> [S::I32; 4];
}

/// As pairs, with an instruction that multiplies two pairs of 16-bit integers per lane.
pub(super) struct Pairs;

/// Multiplies the pairs of a part with activations and adds them up.
struct Dot<'a, S: Simd> {
    run: &'a QBlock,
    /// Start of the part in `run.q`.
    start: usize,
    sum: S::I32,
}

impl<S: Simd> Sink<S> for Dot<'_, S> {
    #[inline(always)]
    fn pair(&mut self, s: S, index: usize, codes: S::I16) {
        self.sum = s.add_i32(self.sum, s.dot(codes, s.splat_pair(self.run.q[self.start + index])));
    }
}

/// Stores the pairs of a part, less the offset.
struct Store<'a, S: Simd> {
    codes: &'a mut [[i16; 16]; 16],
    start: usize,
    offset: S::I16,
}

impl<S: Simd> Sink<S> for Store<'_, S> {
    #[inline(always)]
    fn pair(&mut self, s: S, index: usize, codes: S::I16) {
        s.store_i16(s.sub_i16(codes, self.offset), &mut self.codes[self.start + index]);
    }
}

impl<S: Simd> DotKind<S> for Pairs {
    #[inline(always)]
    fn multiply<F: Format>(s: S, words: &Words<F>, part: usize, run: &QBlock) -> S::I32 {
        let start = part * (16 / F::Codes::PARTS);
        let mut dot = Dot { run, start, sum: s.splat_i32(run.offset::<F>(part)) };
        F::Codes::unpack(s, words, part, &mut dot);
        dot.sum
    }

    #[inline(always)]
    fn unpack<F: Format>(s: S, words: &Words<F>, part: usize, codes: &mut [[i16; 16]; 16]) {
        let start = part * (16 / F::Codes::PARTS);
        let mut store = Store { codes, start, offset: s.splat_i16(F::OFFSET) };
        F::Codes::unpack(s, words, part, &mut store);
    }

    #[inline(always)]
    fn tile<F: Format, const ROWS: usize>(
        s: S,
        codes: &[[i16; 16]; 16],
        part: usize,
        x: [&QBlock; 4],
    ) -> [S::I32; 4] {
        let mut sums = [s.splat_i32(0); 4];
        let pairs = 16 / F::Codes::PARTS;
        for index in part * pairs..(part + 1) * pairs {
            let codes = s.load_i16(&codes[index]);
            four_times!(ROW => {
                if ROW < ROWS {
                    sums[ROW] = s.add_i32(sums[ROW], s.dot(codes, s.splat_pair(x[ROW].q[index])));
                }
            });
        }
        sums
    }
}
