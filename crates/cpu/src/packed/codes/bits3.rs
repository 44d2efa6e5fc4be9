//! Codes of 3 bits, which do not fill words evenly.

use super::{Codes, Sink, lanes, put};
use crate::simd::Simd;

/// Codes of 3 bits in two parts: words 0 and 1 hold the first five pairs of either part, word 2 pairs 5, 6 and 7 of the
/// first and 5 and 6 of the second; the top bit of word `w` is bit `w` of the last pair. Without a table they are
/// signed: 4 is zero.
pub(crate) struct Bits3;

impl Bits3 {
    /// Word and shift of pair `pair`, or `None` for the last.
    fn place(pair: usize) -> Option<(usize, usize)> {
        match pair {
            15 => None,
            13.. => Some((2, 3 * (pair - 10))),
            8.. => Some((1, 3 * (pair - 8))),
            5.. => Some((2, 3 * (pair - 5))),
            _ => Some((0, 3 * pair)),
        }
    }
}

impl Codes for Bits3 {
    type Words = [[i16; 16]; 3];
    const PARTS: usize = 2;
    const SEVEN_BITS: bool = true;
    const ZERO: i16 = 4;

    fn pack(codes: &[[u8; 32]; 8]) -> Self::Words {
        let mut words = Self::Words::default();
        for pair in 0..16 {
            let lanes = lanes(codes, pair);
            if let Some((word, shift)) = Self::place(pair) {
                put(&mut words[word], lanes, shift);
                continue;
            }
            for (w, word) in words.iter_mut().enumerate() {
                put(word, lanes.map(|code| code >> w & 1), 15);
            }
        }
        words
    }

    #[inline(always)]
    fn unpack<S: Simd>(s: S, words: &Self::Words, part: usize, sink: &mut impl Sink<S>) {
        let mask = s.splat_i16(7);
        let word = s.load_i16(&words[part]);
        sink.pair(s, 0, s.and(word, mask));
        sink.pair(s, 1, s.and(s.shr::<3>(word), mask));
        sink.pair(s, 2, s.and(s.shr::<6>(word), mask));
        sink.pair(s, 3, s.and(s.shr::<9>(word), mask));
        sink.pair(s, 4, s.and(s.shr::<12>(word), mask));
        let rest = s.load_i16(&words[2]);
        if part == 0 {
            sink.pair(s, 5, s.and(rest, mask));
            sink.pair(s, 6, s.and(s.shr::<3>(rest), mask));
            sink.pair(s, 7, s.and(s.shr::<6>(rest), mask));
        } else {
            sink.pair(s, 5, s.and(s.shr::<9>(rest), mask));
            sink.pair(s, 6, s.and(s.shr::<12>(rest), mask));
            let low = s.or(s.shr::<15>(s.load_i16(&words[0])), s.and(s.shr::<14>(word), s.splat_i16(2)));
            sink.pair(s, 7, s.or(low, s.and(s.shr::<13>(rest), s.splat_i16(4))));
        }
    }
}
